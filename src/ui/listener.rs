//! Callbacks that undo themselves.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{Event, EventTarget, MutationObserver, MutationObserverInit, Node, Window};

/// An event listener in the capture phase, where events that don't bubble pass too. Removed on drop.
pub(super) struct Listener {
    target: EventTarget,
    kind: &'static str,
    callback: Closure<dyn FnMut(Event)>,
}

impl Listener {
    pub(super) fn new(
        target: &EventTarget,
        kind: &'static str,
        callback: impl FnMut(Event) + 'static,
    ) -> Result<Self, JsValue> {
        let callback = Closure::<dyn FnMut(Event)>::new(callback);
        let function = callback.as_ref().unchecked_ref();
        target.add_event_listener_with_callback_and_bool(kind, function, true)?;
        Ok(Self { target: target.clone(), kind, callback })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let function = self.callback.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback_and_bool(self.kind, function, true);
    }
}

/// Watches the children of some nodes. Disconnected on drop.
pub(super) struct Watch {
    observer: MutationObserver,
    _callback: Closure<dyn FnMut()>,
}

impl Watch {
    pub(super) fn new(callback: impl FnMut() + 'static) -> Result<Self, JsValue> {
        let callback = Closure::<dyn FnMut()>::new(callback);
        let observer = MutationObserver::new(callback.as_ref().unchecked_ref())?;
        Ok(Self { observer, _callback: callback })
    }

    /// Observing a node twice is the same as once.
    pub(super) fn children_of(&self, node: &Node) -> Result<(), JsValue> {
        let options = MutationObserverInit::new();
        options.set_child_list(true);
        self.observer.observe_with_options(node, &options)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// Something that happens once, a little later. Called off on drop.
pub(super) struct Later {
    window: Window,
    id: i32,
    _callback: Closure<dyn FnMut()>,
}

impl Later {
    pub(super) fn new(window: &Window, ms: i32, callback: impl FnMut() + 'static) -> Result<Self, JsValue> {
        let callback = Closure::<dyn FnMut()>::new(callback);
        let function = callback.as_ref().unchecked_ref();
        let id = window.set_timeout_with_callback_and_timeout_and_arguments_0(function, ms)?;
        Ok(Self { window: window.clone(), id, _callback: callback })
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.window.clear_timeout_with_handle(self.id);
    }
}
