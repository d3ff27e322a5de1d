// Search and filter: what does not match is hidden, in the matrix, the list and the timeline alike.
(function () {
  "use strict";
  var form = document.getElementById("filters");
  if (!form) { return; }
  var cards = Array.prototype.slice.call(document.querySelectorAll("article[data-card]"));
  var others = Array.prototype.slice.call(document.querySelectorAll("[data-card]:not(article)"));
  var shown = document.getElementById("shown");
  var empty = document.getElementById("no-match");
  var texts = new Map();

  function textOf(card) {
    if (!texts.has(card)) {
      var parts = [card.dataset.arn];
      Array.prototype.forEach.call(card.children, function (child) {
        if (child.tagName !== "DETAILS") { parts.push(child.textContent); }
      });
      texts.set(card, parts.join(" ").replace(/\s+/g, " ").toLowerCase());
    }
    return texts.get(card);
  }

  function wanted(card, words, verdict, action, only) {
    return (!verdict || card.dataset.verdict === verdict) &&
      (!action || card.dataset.action === action) &&
      (!only || card.dataset[only] === "yes") &&
      words.every(function (word) { return textOf(card).indexOf(word) >= 0; });
  }

  function apply() {
    var words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var kept = new Set();
    cards.forEach(function (card) {
      var show = wanted(card, words, form.elements.verdict.value, form.elements.action.value, form.elements.only.value);
      card.hidden = !show;
      if (show) { kept.add(card.dataset.card); }
    });
    others.forEach(function (other) { other.hidden = !kept.has(other.dataset.card); });
    var filtered = kept.size < cards.length;
    shown.textContent = (filtered ? "Filtered: " : "") + kept.size + " of " + cards.length + " principals shown";
    empty.hidden = kept.size > 0 || cards.length === 0;
    form.classList.toggle("active", filtered);
  }

  function reset() { form.reset(); apply(); }

  // A link to a principal that is filtered out clears the filter.
  function reveal() {
    var target = document.getElementById(window.location.hash.slice(1));
    if (target && target.hidden) {
      reset();
      target.scrollIntoView();
    }
  }

  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", function (event) { event.preventDefault(); apply(); });
  form.addEventListener("reset", function () { window.setTimeout(apply, 0); });
  window.addEventListener("hashchange", reveal);
  apply();

  // On paper nothing can be opened by hand; the style sheet does the same where a browser knows how.
  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.prototype.slice.call(document.querySelectorAll("details.paper:not([open])"));
    closed.forEach(function (details) { details.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (details) { details.open = false; });
  });
}());
