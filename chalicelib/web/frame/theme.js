// Loaded before the first paint, so that a chosen theme never flashes the other one. A classic script: it must block.
(() => {
  try {
    const chosen = localStorage.getItem("invoke-once:theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage is switched off: the system's theme it is.
  }
})();
