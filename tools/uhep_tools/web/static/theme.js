// Before anything is drawn, so that nothing flashes: the theme that was chosen here.
const chosen = localStorage.getItem("uhep-theme");
if (chosen) document.documentElement.dataset.theme = chosen;
