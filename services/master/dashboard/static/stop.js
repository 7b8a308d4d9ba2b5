// The Stop button and the question it asks first.

import { byId, setText, show } from "./dom.js";

export function stopButton(api, refreshNow) {
  const dialog = byId("confirm");
  const failure = byId("stop-error");
  byId("stop").addEventListener("click", () => {
    show(failure, false);
    dialog.showModal();
  });
  byId("cancel-stop").addEventListener("click", () => dialog.close());
  byId("confirm-stop").addEventListener("click", async (event) => {
    event.target.disabled = true;
    try {
      await api.stop();
      dialog.close();
      refreshNow();
    } catch (error) {
      setText(failure, `It was not stopped: ${error.message}`);
      show(failure, true);
    } finally {
      event.target.disabled = false;
    }
  });
}
