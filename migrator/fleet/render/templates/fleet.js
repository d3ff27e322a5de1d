// The table of clusters: rows are values until they are shown. Foreign text only ever becomes text nodes.
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var clusters = data.clusters;
  var form = document.getElementById("filters");
  var body = document.getElementById("rows");
  var more = document.getElementById("more");
  var shown = document.getElementById("shown");
  var only = document.getElementById("only");
  var CHUNK = 30;
  var COLUMNS = 9;
  var SVG = "http://www.w3.org/2000/svg";
  var URGENT = ["unknown", "unreachable", "denied", "blocked", "applying", "applied", "planned", "not planned",
    "verified", "rehearsed", "cut over", "dual", "retired"];
  var icons = new Map();
  var group = null;
  var descending = false;
  var matching = [];
  var drawn = 0;

  function make(name, className, text) {
    var element = document.createElement(name);
    if (className) { element.className = className; }
    if (text !== undefined) { element.textContent = text; }
    return element;
  }

  // A copy of the drawing, made once: hundreds of references to it are what takes long to lay out.
  function icon(name) {
    if (!icons.has(name)) {
      var symbol = document.getElementById("i-" + name);
      var image = document.createElementNS(SVG, "svg");
      image.setAttribute("class", "icon");
      image.setAttribute("aria-hidden", "true");
      image.setAttribute("viewBox", symbol.getAttribute("viewBox"));
      Array.prototype.forEach.call(symbol.children, function (part) { image.appendChild(part.cloneNode(true)); });
      icons.set(name, image);
    }
    return icons.get(name).cloneNode(true);
  }

  function number(count) { return count.toLocaleString("en"); }

  function badge(word, text) {
    var tone = data.tones[word];
    var element = make("span", "badge " + tone[0]);
    element.appendChild(icon(tone[1]));
    element.appendChild(document.createTextNode(text === undefined ? word : text));
    return element;
  }

  // Our own sentences have the names in them between backticks.
  function say(parent, text) {
    var parts = text.split("`");
    if (parts.length % 2 === 0) { parts = [text]; }
    parts.forEach(function (part, place) {
      if (part) { parent.appendChild(place % 2 ? make("code", "", part) : document.createTextNode(part)); }
    });
    return parent;
  }

  // What is searched and sorted by, made once.
  clusters.forEach(function (cluster, place) {
    var codes = { block: [], warn: [], info: [] };
    cluster.findings.forEach(function (number) {
      var found = data.findings[number];
      if (codes[found[1]].indexOf(found[0]) < 0) { codes[found[1]].push(found[0]); }
    });
    cluster.place = place;
    cluster.codes = codes;
    cluster.all = codes.block.concat(codes.warn, codes.info);
    cluster.status = cluster.last ? cluster.last.status : "never tried";
    cluster.text = null;  // these three when they are needed
    cluster.line = null;
    cluster.detail = null;
  });

  function textOf(cluster) {
    if (cluster.text === null) {
      var parts = [cluster.arn, cluster.name, cluster.accountName, cluster.version, cluster.mode, cluster.stage, cluster.next];
      parts = parts.concat(cluster.tags, cluster.all);
      cluster.findings.forEach(function (number) { parts.push(data.findings[number][2], data.findings[number][3]); });
      cluster.facts.forEach(function (fact) { parts.push(fact[1]); });
      if (cluster.last) { parts.push(cluster.last.status, cluster.last.code, cluster.last.message); }
      cluster.text = parts.join("\n").toLowerCase();
    }
    return cluster.text;
  }

  var keys = {
    "": function (c) { return [URGENT.indexOf(c.stage), -c.codes.block.length, -c.codes.warn.length]; },
    name: function (c) { return [c.name.toLowerCase()]; },
    account: function (c) { return [(c.accountName || c.account).toLowerCase(), c.account]; },
    region: function (c) { return [c.region]; },
    version: function (c) { return c.version.split(".").map(function (n) { return Number(n) || 0; }); },
    mode: function (c) { return [c.mode]; },
    stage: function (c) { return [data.stages.indexOf(c.stage)]; },
    findings: function (c) { return [-c.codes.block.length, -c.codes.warn.length, -c.codes.info.length]; },
    last: function (c) { return [c.last ? c.last.at : ""]; }
  };

  function sorted(found, key) {
    var keyed = found.map(function (cluster) { return { cluster: cluster, key: keys[key](cluster) }; });
    keyed.sort(function (a, b) {
      for (var i = 0; i < a.key.length && i < b.key.length; i += 1) {
        if (a.key[i] !== b.key[i]) { return (a.key[i] < b.key[i] ? -1 : 1) * (descending ? -1 : 1); }
      }
      return a.cluster.place - b.cluster.place;
    });
    return keyed.map(function (each) { return each.cluster; });
  }

  function cell(name, className) { return make(name, className); }

  function row(cluster) {
    var line = make("tr");
    var head = cell("th", "name");
    var opener = make("button", "opener", cluster.name || "(no name)");
    head.scope = "row";
    opener.type = "button";
    opener.setAttribute("aria-expanded", "false");
    opener.addEventListener("click", function () { toggle(line, opener, cluster); });
    head.appendChild(opener);
    head.appendChild(make("span", "sub only-phone", cluster.accountName + " " + cluster.account + ", " + cluster.region));
    line.appendChild(head);
    var account = cell("td", "account");
    account.appendChild(document.createTextNode(cluster.accountName || cluster.account));
    if (cluster.accountName) { account.appendChild(make("span", "sub", cluster.account)); }
    line.appendChild(account);
    line.appendChild(make("td", "region", cluster.region));
    line.appendChild(make("td", "version", cluster.version));
    line.appendChild(make("td", "mode", cluster.mode));
    var stage = cell("td", "stage");
    stage.appendChild(badge(cluster.stage));
    line.appendChild(stage);
    line.appendChild(findings(cluster));
    var last = cell("td", "last");
    if (cluster.last) {
      last.appendChild(document.createTextNode(cluster.last.command + " "));
      last.appendChild(make("b", "count " + data.tones[cluster.last.status][0], cluster.last.status));
      last.appendChild(make("span", "sub", cluster.last.at));
    } else {
      last.appendChild(make("span", "sub", "never tried"));
    }
    line.appendChild(last);
    var tags = cell("td", "tags");
    cluster.tags.forEach(function (tag) { tags.appendChild(make("span", "tag", tag)); });
    line.appendChild(tags);
    return line;
  }

  function findings(cluster) {
    var where = cell("td", "findings");
    var list = make("div", "codes");
    [["block", "block", "bad"], ["warn", "warn-code", "warn"]].forEach(function (kind) {
      cluster.codes[kind[0]].slice(0, 3).forEach(function (code) {
        var line = make("span", kind[1]);
        line.appendChild(icon(kind[2]));
        line.appendChild(document.createTextNode(code));
        list.appendChild(line);
      });
      if (cluster.codes[kind[0]].length > 3) {
        list.appendChild(make("span", "sub", "and " + (cluster.codes[kind[0]].length - 3) + " more"));
      }
    });
    if (cluster.codes.info.length) { list.appendChild(make("span", "sub", cluster.codes.info.length + " to know")); }
    where.appendChild(list);
    return where;
  }

  function toggle(line, opener, cluster) {
    var open = opener.getAttribute("aria-expanded") === "true";
    opener.setAttribute("aria-expanded", open ? "false" : "true");
    if (open) {
      line.parentNode.removeChild(cluster.detail);
      cluster.detail = null;
    } else {
      cluster.detail = detail(cluster);
      line.parentNode.insertBefore(cluster.detail, line.nextSibling);
    }
  }

  function fact(list, name, value) {
    var pair = make("div");
    var shown = make("dd");
    pair.appendChild(make("dt", "", name));
    if (value instanceof Node) { shown.appendChild(value); } else { shown.textContent = value; }
    pair.appendChild(shown);
    list.appendChild(pair);
  }

  function detail(cluster) {
    var line = make("tr", "detail");
    var all = make("td");
    var two = make("div", "duo");
    var left = make("div");
    var right = make("div");
    all.colSpan = COLUMNS;
    left.appendChild(make("h4", "", "What is next"));
    if (cluster.next) { left.appendChild(say(make("p"), cluster.next)); }
    if (cluster.command) { left.appendChild(copied(cluster.command)); }
    if (!cluster.next && !cluster.command) { left.appendChild(make("p", "", "Nothing is left to do.")); }
    if (cluster.last && cluster.last.message) {
      left.appendChild(make("h4", "", "Last result"));
      var said = make("p");
      said.appendChild(badge(cluster.last.status));
      say(said, " " + cluster.last.message + " " + cluster.last.why);
      left.appendChild(said);
      if (cluster.last.remedy) { left.appendChild(remedy(cluster.last.remedy)); }
    }
    left.appendChild(make("h4", "", "Cluster"));
    var list = make("dl", "about");
    fact(list, "ARN", make("code", "", cluster.arn));
    [["Account", (cluster.accountName + " " + cluster.account).trim()], ["Region", cluster.region], ["Version", cluster.version],
      ["Mode", cluster.mode], ["Last", cluster.last ? cluster.last.command + " " + cluster.last.status + " " + cluster.last.at : ""],
      ["Tags", cluster.tags.join(", ")]].concat(cluster.facts).forEach(function (each) { if (each[1]) { fact(list, each[0], each[1]); } });
    left.appendChild(list);
    right.appendChild(make("h4", "", cluster.findings.length ? "Findings" : "No findings"));
    right.appendChild(notes(cluster));
    two.appendChild(left);
    two.appendChild(right);
    all.appendChild(two);
    line.appendChild(all);
    return line;
  }

  function remedy(text) {
    var paragraph = make("p", "soft");
    paragraph.appendChild(make("b", "", "Do: "));
    return say(paragraph, text);
  }

  function notes(cluster) {
    var list = make("ul", "notes");
    cluster.findings.forEach(function (number) {
      var found = data.findings[number];
      var kind = data.kinds[found[0]];
      var item = make("li", "note");
      var head = make("p");
      head.appendChild(badge(found[1]));
      head.appendChild(document.createTextNode(" "));
      head.appendChild(make("code", "", found[0]));
      head.appendChild(make("span", "soft", " " + found[3]));
      item.appendChild(head);
      item.appendChild(say(make("p"), found[4] || (kind ? kind[0] : "")));
      if (kind && found[1] !== "info") { item.appendChild(remedy(kind[1])); }
      list.appendChild(item);
    });
    return list;
  }

  function copied(text) {
    var line = make("div", "copied");
    var button = make("button", "small", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", "Copy the command");
    button.addEventListener("click", function () { copy(text, button); });
    line.appendChild(make("code", "", text));
    line.appendChild(button);
    return line;
  }

  function copy(text, button) {
    var before = button.firstChild.nodeValue;
    function tell(word) {
      button.firstChild.nodeValue = word;
      window.setTimeout(function () { button.firstChild.nodeValue = before; }, 1500);
    }
    function byHand() {  // where the page may not write to the clipboard itself
      var field = make("textarea");
      field.value = text;
      document.body.appendChild(field);
      field.select();
      var done = document.execCommand("copy");
      document.body.removeChild(field);
      button.focus();
      tell(done ? "Copied" : "Select it by hand");
    }
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text).then(function () { tell("Copied"); }, byHand);
    } else {
      byHand();
    }
  }

  function draw(upTo) {
    var part = document.createDocumentFragment();
    var end = Math.min(upTo, matching.length);
    for (; drawn < end; drawn += 1) {
      var cluster = matching[drawn];
      cluster.line = cluster.line || row(cluster);
      part.appendChild(cluster.line);
      if (cluster.detail) { part.appendChild(cluster.detail); }
    }
    body.appendChild(part);
    more.hidden = drawn >= matching.length;
    document.getElementById("more-button").textContent = "Show more (" + number(matching.length - drawn) + " left)";
  }

  function apply() {
    var wanted = form.elements;
    var words = wanted.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var sort = wanted.sort.value;
    var chosen = group ? new Set(data.groups[group].clusters) : null;
    matching = sorted(clusters.filter(function (cluster) {
      return (!chosen || chosen.has(cluster.place)) &&
        (!wanted.account.value || cluster.account === wanted.account.value) &&
        (!wanted.region.value || cluster.region === wanted.region.value) &&
        (!wanted.stage.value || cluster.stage === wanted.stage.value) &&
        (!wanted.status.value || cluster.status === wanted.status.value) &&
        (!wanted.finding.value || cluster.all.indexOf(wanted.finding.value) >= 0) &&
        words.every(function (word) { return textOf(cluster).indexOf(word) >= 0; });
    }), sort);
    body.replaceChildren();
    drawn = 0;
    draw(CHUNK);
    var filtered = matching.length < clusters.length;
    shown.textContent = (filtered ? "Filtered: " : "") + number(matching.length) + " of " + number(clusters.length) + " clusters shown";
    document.getElementById("no-match").hidden = matching.length > 0;
    only.hidden = !group;
    document.getElementById("only-name").textContent = group ? data.groups[group].name : "";
    form.classList.toggle("active", filtered);
    Array.prototype.forEach.call(document.querySelectorAll(".sorter"), function (button) {
      var head = button.parentNode;
      if (button.dataset.sort === sort) {
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      } else {
        head.removeAttribute("aria-sort");
      }
    });
  }

  function options(name, values) {
    values.forEach(function (value) {
      var option = make("option", "", value[1]);
      option.value = value[0];
      form.elements[name].appendChild(option);
    });
  }

  function counted(of) {
    var counts = new Map();
    clusters.forEach(function (cluster) {
      of(cluster).forEach(function (value) { counts.set(value, (counts.get(value) || 0) + 1); });
    });
    return counts;
  }

  function choices(name, of, order) {
    var counts = counted(of);
    var values = Array.from(counts.keys()).sort(order);
    options(name, values.map(function (value) { return [value, value + " (" + counts.get(value) + ")"]; }));
  }

  function goToTable() {
    document.getElementById("clusters").scrollIntoView();
    form.elements.search.focus({ preventScroll: true });
  }

  function start() {
    var names = new Map();
    clusters.forEach(function (cluster) { names.set(cluster.account, (cluster.accountName + " " + cluster.account).trim()); });
    options("account", Array.from(names).sort(function (a, b) { return a[1] < b[1] ? -1 : 1; }));
    choices("region", function (c) { return [c.region]; });
    choices("stage", function (c) { return [c.stage]; }, function (a, b) { return data.stages.indexOf(a) - data.stages.indexOf(b); });
    choices("finding", function (c) { return c.all; });
    choices("status", function (c) { return [c.status]; });
    Array.prototype.forEach.call(document.querySelectorAll("[data-script]"), function (each) { each.hidden = false; });
    form.hidden = false;
    form.addEventListener("input", function (event) {
      if (event.target.name === "sort") { descending = false; }
      apply();
    });
    form.addEventListener("submit", function (event) { event.preventDefault(); apply(); });
    form.addEventListener("reset", function () {
      group = null;
      descending = false;
      window.setTimeout(apply, 0);
    });
    document.getElementById("only-off").addEventListener("click", function () { group = null; apply(); form.elements.search.focus(); });
    document.getElementById("more-button").addEventListener("click", function () { draw(drawn + CHUNK); });
    document.addEventListener("click", function (event) {
      var target = event.target.closest("[data-group], [data-filter], [data-copy], [data-sort]");
      if (!target) { return; }
      if (target.dataset.copy) {
        copy(document.getElementById(target.dataset.copy).textContent, target);
      } else if (target.dataset.sort) {
        descending = form.elements.sort.value === target.dataset.sort && !descending;
        form.elements.sort.value = target.dataset.sort;
        apply();
      } else {
        event.preventDefault();
        form.reset();
        descending = false;
        group = target.dataset.group || null;
        if (target.dataset.filter) { form.elements[target.dataset.filter].value = target.dataset.value; }
        window.setTimeout(function () {  // after the form's own reset was answered
          group = target.dataset.group || null;
          apply();
          goToTable();
        }, 0);
      }
    });
    if ("IntersectionObserver" in window) {
      new IntersectionObserver(function (entries) {
        if (entries[0].isIntersecting && !more.hidden) { draw(drawn + CHUNK); }
      }, { rootMargin: "400px" }).observe(more);
    }
    apply();
  }

  // On paper nothing can be opened or scrolled by hand.
  var closed = [];
  var before = 0;
  window.addEventListener("beforeprint", function () {
    before = drawn;
    draw(matching.length);
    closed = Array.prototype.slice.call(document.querySelectorAll("details.paper:not([open])"));
    closed.forEach(function (details) { details.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (details) { details.open = false; });
    if (drawn > before) { body.replaceChildren(); drawn = 0; draw(before); }
  });
  start();
}());
