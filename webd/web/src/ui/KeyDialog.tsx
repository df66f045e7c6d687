import { t } from "../i18n/text";
import { stopAskingForKey } from "../workbench/api-key";
import { Dialog } from "./Dialog";
import { KeySection } from "./KeySection";

export function KeyDialog() {
  return (
    <Dialog title={t("apiKey")} onClose={stopAskingForKey}>
      <KeySection />
    </Dialog>
  );
}
