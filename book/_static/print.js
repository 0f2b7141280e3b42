// On paper a page is light and its folds are open; afterwards it is as it was.
{
  const page = document.documentElement;
  let back = null;
  const lay = () => {
    if (back) return;
    const shut = [...document.querySelectorAll("article details:not([open])")];
    const hidden = [...document.querySelectorAll("article .toggle-hidden")];
    const theme = page.dataset.theme;
    for (const fold of shut) fold.open = true;
    for (const solution of hidden) solution.classList.remove("toggle-hidden");
    page.dataset.theme = "light";
    back = () => {
      for (const fold of shut) fold.open = false;
      for (const solution of hidden) solution.classList.add("toggle-hidden");
      page.dataset.theme = theme;
      back = null;
    };
  };
  window.addEventListener("beforeprint", lay);
  window.addEventListener("afterprint", () => back?.());
  matchMedia("print").addEventListener("change", (paper) => (paper.matches ? lay() : back?.()));
}
