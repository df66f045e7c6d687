import { render } from "preact";
import { useConstructedStyles } from "./editor/constructed-styles";
import "./style/page.css";
import { App } from "./ui/App";
import { serveParent } from "./workbench/embedding";
import { startLocale } from "./workbench/settings";
import { openLinkedProgram, start } from "./workbench/startup";

useConstructedStyles();
const root = document.getElementById("app");
if (root) render(<App />, root);
serveParent();
void startLocale();
void start();
addEventListener("hashchange", () => void openLinkedProgram());
