// The linter and its rules are those of the page: `npm run lint` in webd/web checks both.
export { default } from "../../webd/web/eslint.config.js";
