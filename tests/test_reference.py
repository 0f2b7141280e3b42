from whyresnets import reference


def test_sections_become_lists():
    lines = ["What it is.", "", "Attributes", "----------", "a, b : two things", "    and more", "", "Raises", "------"]
    assert reference.as_lists(lines) == [
        "What it is.",
        "",
        "**Attributes**",
        "",
        "``a, b``",
        "    two things",
        "    and more",
        "",
        "**Raises**",
        "",
    ]


def test_bars_are_bars_and_code_is_left_alone():
    assert reference.as_lists(["|log10 r| and ``a | b``"]) == [r"\|log10 r\| and ``a | b``"]


def test_a_sentence_with_a_colon_is_no_entry():
    assert reference.as_lists(["Note: this, and that."]) == ["Note: this, and that."]
