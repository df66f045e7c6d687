import { stopAskingForKey } from "../workbench/api-key";
import { Dialog } from "./Dialog";
import { KeySection } from "./KeySection";

export function KeyDialog() {
  return (
    <Dialog title="API key" onClose={stopAskingForKey}>
      <KeySection />
    </Dialog>
  );
}
