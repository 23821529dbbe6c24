//! The host element, and how it stays in the page.

use super::listener::Watch;
use askfirst_core::wire;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    CssStyleSheet, Document, Element, HtmlDialogElement, HtmlElement, ShadowRoot, ShadowRootInit, ShadowRootMode,
};

/// After so many removals in quick succession, something in the page insists; fighting on would freeze it.
const PATIENCE: u32 = 20;

/// Removals further apart than this, in milliseconds, are not a fight.
const TRUCE: f64 = 1000.0;

/// `<askfirst-ui>`, child of `<body>`. Frameworks that rebuild the body take it out; it comes back. Removed on drop.
pub(super) struct Mount(Rc<Host>);

struct Host {
    document: Document,
    element: Element,
    root: ShadowRoot,
    watch: RefCell<Option<Watch>>,
    removals: Cell<(u32, f64)>,
}

impl Mount {
    pub(super) fn new(document: &Document, css: &str, lang: &str, dir: &str) -> Result<Self, JsValue> {
        let element = document.create_element(wire::HOST)?;
        element.set_attribute("lang", lang)?;
        element.set_attribute("dir", dir)?;
        // Open, so that privacy extensions and tests reach the buttons.
        let root = element.attach_shadow(&ShadowRootInit::new(ShadowRootMode::Open))?;
        match sheet(css) {
            Some(sheet) => root.set_adopted_style_sheets(&js_sys::Array::of1(&sheet)),
            None => {
                let style = document.create_element("style")?;
                style.set_text_content(Some(css));
                root.append_child(&style)?;
            }
        }
        let host = Rc::new(Host {
            document: document.clone(),
            element,
            root,
            watch: RefCell::default(),
            removals: Cell::default(),
        });
        let weak = Rc::downgrade(&host);
        let watch = Watch::new(move || {
            if let Some(host) = weak.upgrade() {
                host.attach();
            }
        })?;
        host.watch.replace(Some(watch));
        host.attach();
        Ok(Self(host))
    }

    pub(super) fn root(&self) -> &ShadowRoot {
        &self.0.root
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.0.watch.take();
        self.0.element.remove();
    }
}

impl Host {
    /// Makes the host the last child of the body there is now, if it is not in it, and watches that body.
    fn attach(&self) {
        if let (Some(watch), Some(html)) = (&*self.watch.borrow(), self.document.document_element()) {
            let _ = watch.children_of(&html);
            if let Some(body) = self.document.body() {
                let _ = watch.children_of(&body);
            }
        }
        let Some(body) = self.document.body() else { return };
        if self.element.parent_node().as_ref() == Some(body.as_ref()) || self.is_fought() {
            return;
        }
        // A snapshot of the page (Turbo) may hold an empty copy.
        while let Ok(Some(copy)) = body.query_selector(wire::HOST) {
            copy.remove();
        }
        if body.append_child(&self.element).is_ok() {
            self.reopen();
        }
    }

    /// Removal takes popovers and dialogs out of the top layer; this puts them back.
    fn reopen(&self) {
        if let Ok(Some(banner)) = self.root.query_selector("[popover]") {
            let _ = banner.unchecked_into::<HtmlElement>().show_popover();
        }
        if let Ok(Some(dialog)) = self.root.query_selector("dialog") {
            let _ = dialog.remove_attribute("open");
            let _ = dialog.unchecked_into::<HtmlDialogElement>().show_modal();
        }
    }

    fn is_fought(&self) -> bool {
        let (count, last) = self.removals.get();
        let now = js_sys::Date::now();
        let count = if now - last < TRUCE { count + 1 } else { 0 };
        self.removals.set((count, now));
        count > PATIENCE
    }
}

/// A constructed style sheet, which no Content Security Policy forbids; `None` where the browser has none.
pub(super) fn sheet(css: &str) -> Option<CssStyleSheet> {
    let sheet = CssStyleSheet::new().ok()?;
    sheet.replace_sync(css).ok()?;
    Some(sheet)
}
