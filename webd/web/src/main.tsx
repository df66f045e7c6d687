import { render } from "preact";
import { adoptStyles } from "./editor/strict-styles";
import "./style/page.css";
import { App } from "./ui/App";
import { begin, openShared } from "./workbench/opening";

adoptStyles();
const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
addEventListener("hashchange", () => void openShared());
