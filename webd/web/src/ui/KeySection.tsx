import { useId, useState } from "preact/hooks";
import { t } from "../i18n/text";
import { apiKey, forgetKey, isPossibleKey, keyIsKept, saveKey } from "../workbench/api-key";

/** Field for the API key, and the choice how long it is kept. */
export function KeySection() {
  const [key, setKey] = useState(apiKey.value);
  const [keep, setKeep] = useState(keyIsKept.value);
  const id = useId();
  const trimmed = key.trim();
  const wrong = trimmed !== "" && !isPossibleKey(trimmed);
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isPossibleKey(trimmed)) saveKey(trimmed, keep);
      }}
    >
      <label for={id}>{t("apiKey")}</label>
      <input
        id={id}
        type="password"
        autocomplete="off"
        spellcheck={false}
        value={key}
        aria-invalid={wrong}
        aria-describedby={`${id}-hint`}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <p class="hint" id={`${id}-hint`}>
        {wrong ? t("keyInvalid") : t("keyHint")}
      </p>
      <label class="check">
        <input
          type="checkbox"
          checked={keep}
          onChange={(event) => setKeep(event.currentTarget.checked)}
        />
        {t("keyKeep")}
      </label>
      <p class="buttons">
        <button type="submit" class="primary" disabled={trimmed === "" || wrong}>
          {t("keyUse")}
        </button>
        {apiKey.value !== "" && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              forgetKey();
              setKey("");
              setKeep(false);
            }}
          >
            {t("keyForget")}
          </button>
        )}
      </p>
    </form>
  );
}
