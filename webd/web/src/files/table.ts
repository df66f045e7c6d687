/** Rows and columns that are shown: more are not readable, and slow down the page. */
export const MAX_ROWS = 200;
export const MAX_COLUMNS = 50;

export interface Table {
  rows: string[][];
  /** There are more rows or columns than are shown. */
  cut: boolean;
}

/** Parses the first rows of comma-separated values (RFC 4180), or of values with another separator. */
export function parseTable(text: string, separator: string): Table {
  const table: Table = { rows: [], cut: false };
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const endCell = () => {
    if (row.length < MAX_COLUMNS) row.push(cell);
    else table.cut = true;
    cell = "";
  };
  const endRow = () => {
    endCell();
    table.rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text.charAt(at + 1) === '"') cell += text.charAt(++at);
      else quoted = false;
    } else if (character === '"' && cell === "") quoted = true;
    else if (character === separator) endCell();
    else if (character === "\n" || character === "\r") {
      if (character === "\r" && text.charAt(at + 1) === "\n") at++;
      endRow();
    } else cell += character;
    if (table.rows.length === MAX_ROWS) {
      table.cut ||= at + 1 < text.length;
      return table;
    }
  }
  if (cell !== "" || row.length > 0) endRow();
  return table;
}
