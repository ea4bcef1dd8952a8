// The checkout of bKash that shops have on their pages: a click on #bKash_button asks the shop to create the
// payment, shows the payer's page in a frame, and asks the shop to execute once the payer has approved.
(() => {
  "use strict";

  const address = "ADDRESS";
  const origin = new URL(address).origin;
  let shop = {};
  let isCreating = false;
  let wrapper = null;
  let frame = null;

  function place() {
    if (wrapper !== null && wrapper.isConnected) {
      return;
    }
    wrapper = document.createElement("div");
    wrapper.id = "bKashFrameWrapper";
    wrapper.style.cssText =
      "display:none;position:fixed;top:0;right:0;bottom:0;left:0;z-index:50000;background:rgba(0,0,0,.5)";
    frame = document.createElement("iframe");
    frame.id = "bKash-iFrame-1";
    frame.name = "bKash_checkout_app";
    frame.title = "bKash";
    frame.style.cssText =
      "display:block;border:0;width:100%;max-width:30rem;height:100%;max-height:38rem;margin:0 auto;background:#fff";
    wrapper.append(frame);
    document.body.append(wrapper);
  }

  function hide() {
    isCreating = false;
    if (wrapper !== null) {
      // A new frame, so that going back in the browser does not go through the pages of the old one.
      wrapper.remove();
      place();
    }
  }

  function show(created) {
    const answer = typeof created === "string" ? JSON.parse(created) : created;
    if (!answer || !answer.paymentID) {
      hide();
      return;
    }
    isCreating = false;
    place();
    frame.src = `${address}/checkout/frame?paymentID=${encodeURIComponent(answer.paymentID)}`;
    wrapper.style.display = "block";
  }

  function call(name, argument) {
    if (typeof shop[name] === "function") {
      shop[name](argument);
    }
  }

  document.addEventListener("click", (event) => {
    const isOurs = event.target instanceof Element && event.target.closest("#bKash_button") !== null;
    if (isOurs && !isCreating && typeof shop.createRequest === "function") {
      isCreating = true;
      place();
      call("createRequest", shop.paymentRequest);
    }
  });

  window.addEventListener("message", (event) => {
    if (event.origin !== origin || frame === null || event.source !== frame.contentWindow) {
      return;
    }
    if (event.data.status === "success") {
      call("executeRequestOnAuthorization");
    } else {
      hide();
      call("onClose");
    }
  });

  window.bKash = {
    init(options) {
      shop = { ...options };
      isCreating = false;
      if (document.body === null) {
        document.addEventListener("DOMContentLoaded", place);
      } else {
        place();
      }
    },
    reconfigure(options) {
      Object.assign(shop, options);
    },
    create() {
      return { onSuccess: show, onError: hide };
    },
    execute() {
      return { onError: hide };
    },
  };
})();
