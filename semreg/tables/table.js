// A click on a heading sorts its table by that column: the largest first, the smallest first, as it was.
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], rows = [...body.rows], headings = [...table.tHead.rows[0].cells];
  if (rows.length < 2) continue;
  const next = { null: "descending", descending: "ascending", ascending: null };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    if (!button.textContent) button.textContent = "name";
    heading.append(button);
    button.onclick = () => {
      const order = next[heading.getAttribute("aria-sort")];
      for (const other of headings) other.removeAttribute("aria-sort");
      if (order) heading.setAttribute("aria-sort", order);
      body.append(...(order ? sorted(rows, column, order === "descending" ? -1 : 1) : rows));
    };
  });
}

// Rows without a value come last, whatever the order.
function sorted(rows, column, sign) {
  const numbers = rows.some(row => row.cells[column].dataset.value !== undefined);
  const value = row => {
    const cell = row.cells[column];
    if (numbers) return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
    return cell.textContent === "–" ? null : cell.textContent;
  };
  const compare = (a, b) => numbers ? a - b : a.localeCompare(b, undefined, { numeric: true });
  return [...rows].sort((one, other) => {
    const a = value(one), b = value(other);
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * compare(a, b);
  });
}
