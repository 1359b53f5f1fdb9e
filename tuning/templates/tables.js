// Lets the headings of sortable tables sort them; empty cells stay last.
(() => {
  "use strict";
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort ?? cell.textContent;
  };
  const compare = (a, b, numeric) => (numeric ? Number(a) - Number(b) : a.localeCompare(b, undefined, { numeric: true }));

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        const numeric = heading.classList.contains("number");
        const body = table.tBodies[0];
        const empty = (row) => row.cells[column].textContent === "";
        const rows = [...body.rows].sort((a, b) => {
          if (empty(a) || empty(b)) return empty(a) - empty(b);
          return (up ? 1 : -1) * compare(key(a, column), key(b, column), numeric);
        });
        body.append(...rows);
      });
    });
  }
})();
