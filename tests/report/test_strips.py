from made import at_every_scale, gone

from whyresnets import report
from whyresnets.store import records


def test_a_line_says_the_claim_its_word_its_number_its_scale_and_ends_with_its_name(book, live):
    strip = report.strip(book, live)
    printed, (row,) = book.printed(book.claim("TOY-1")), strip.rows
    first, second = map(str, strip.lines)
    there = f"Verdict: supported, {report.shown(printed.effect)} (digits, 20 seeds)"
    yours = f"Your run: supported, {report.shown(row.verdict.effect)} (5 seeds)"
    assert first == f"{book.claims[0].says} {there}. {yours}. [TOY-1]"
    assert "Verdict: conditional: fails when: a tiny rate, " in second
    assert second.endswith("Your run: judged from the record. [TOY-2]")
    assert strip.note == report.agreement([row]) and str(strip) == f"- {first}\n- {second}\n{strip.note}"


def test_a_notebook_shows_words_in_bold_and_no_link_that_leads_nowhere(book, live):
    shown = report.strip(book, live)._repr_markdown_()
    assert "Verdict: **supported**, " in shown and "Your run: **supported**, " in shown
    assert "**conditional**: fails when: a tiny rate" in shown and f"- *{book.claims[0].says}* Verdict" in shown
    assert shown.count("[TOY-") == 2 and "](" not in shown and "{ref}" not in shown


def test_without_a_run_or_a_record_it_says_so(book, live, tmp_path, monkeypatch):
    assert all(str(line).endswith(f"Your run: not made. [{line.claim.id}]") for line in report.strip(book).lines)
    assert report.strip(book).note == "" and report.strip(book).rows == ()
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    assert "Verdict: not run yet. Your run: supported, " in str(report.strip(book, live).lines[0])


def test_a_run_that_died_shows_in_its_line(book, live):
    line = str(report.strip(book, live | {"trained": gone(live["trained"])}).lines[0])
    assert "Your run: void: trained had to train and did not, " in line and line.startswith(book.claims[0].says)


def test_larger_scales_stand_in_the_same_line(book, trained, live, monkeypatch):
    monkeypatch.setattr(type(book), "recorded", at_every_scale(trained))
    line = str(report.strip(book, live).lines[0])
    assert "(digits, 20 seeds); supported, " in line and "(CIFAR-10 at width 64, 20 seeds). Your run" in line
