// @ts-check
// Where the chat stands in the page or is the page, and does not float above it.
export const css = `
.fill{height:100%}.fill>.panel{position:static;width:100%;max-width:none;height:100%;max-height:none;border:0;border-radius:0;box-shadow:none;animation:none}
.inline>.panel{border:1px solid var(--line);border-radius:var(--r)}
.wide .log,.wide .list{padding-inline:max(16px,50% - 380px)}.wide .composer{padding-inline:max(12px,50% - 384px)}
`;
