// What our pages do beyond HTML; without script every page is whole, only less quick. Ours, written by hand.
(function () {
  "use strict";
  var filter = document.getElementById("filter");
  if (filter) {
    var box = filter.parentNode, note = box.querySelector("[data-none]");
    box.hidden = false;
    var show = function () {
      var wanted = filter.value.trim().toLowerCase(), found = 0;
      box.parentNode.querySelectorAll("fieldset").forEach(function (group) {
        var here = 0;
        group.querySelectorAll(".ekpay-tile, .ekpay-closed__item").forEach(function (tile) {
          var input = tile.querySelector("input"), text = tile.textContent + " " + (input ? input.value : "");
          tile.hidden = text.toLowerCase().indexOf(wanted) < 0;
          here += tile.hidden ? 0 : 1;
        });
        group.parentNode.hidden = !here;
        found += here;
      });
      note.textContent = found ? "" : note.dataset.none;
    };
    filter.addEventListener("input", show);
    // What was typed before the language was changed.
    if (filter.value) show();
    // Enter in the filter must not send the form.
    filter.addEventListener("keydown", function (event) {
      if (event.key === "Enter") event.preventDefault();
    });
  }
  document.querySelectorAll("[data-share]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      if (!navigator.share) return;
      event.preventDefault();
      navigator.share({ text: link.dataset.share }).catch(function () {});
    });
  });
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    });
  });
})();
