//! The interface in the page: one host element with an open shadow root, and in it what `core::view` describes.
//!
//! No rule lives here. A press becomes an [`Action`] and leaves through the callback; nothing else does.

mod listener;
mod mount;
mod render;

use askfirst_core::view::{Action, Node};
use listener::{Later, Listener};
use mount::Mount;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    CssStyleSheet, Document, Element, Event, FocusOptions, HtmlDialogElement, HtmlElement, HtmlInputElement, Window,
};

const BANNER: &str = "[part=banner]";
const DIALOG: &str = "[part=dialog]";
const REOPEN: &str = "[part=reopen]";

/// How long a screen reader gets to notice the empty live region before it is filled, in milliseconds.
const NOTICE: i32 = 100;

/// What the visitor sees. Dropping it removes the elements, the listeners and the style sheets.
pub struct Interface {
    parts: Rc<Parts>,
    _listeners: [Listener; 2],
}

struct Parts {
    window: Window,
    document: Document,
    mount: Mount,
    /// The live region, there from the beginning so that its filling is announced (WCAG 4.1.3).
    status: Element,
    announcement: RefCell<Option<Later>>,
    /// What had focus before the dialog opened (A2).
    invoker: RefCell<Option<HtmlElement>>,
    /// The invoker went away with the banner; the re-open control takes its place.
    orphaned: Cell<bool>,
    /// Keeps focused elements of the page clear of the banner (WCAG 2.4.11).
    clearance: RefCell<Option<CssStyleSheet>>,
}

impl Interface {
    /// Puts the empty host in the page. `css` is the style sheet of the shadow root, `lang` and `dir` are those of the
    /// words that will be shown.
    ///
    /// # Errors
    /// When the browser refuses an element or a listener; nothing is left behind then.
    pub fn new(
        css: &str,
        lang: &str,
        dir: &str,
        on_action: impl Fn(Action, &Event) + 'static,
    ) -> Result<Self, JsValue> {
        let window = web_sys::window().ok_or(JsValue::NULL)?;
        let document = window.document().ok_or(JsValue::NULL)?;
        let mount = Mount::new(&document, css, lang, dir)?;
        let status = document.create_element("div")?;
        status.set_attribute("role", "status")?;
        status.set_attribute("class", "status")?;
        mount.root().append_child(&status)?;
        let parts = Rc::new(Parts {
            window,
            document,
            mount,
            status,
            announcement: RefCell::default(),
            invoker: RefCell::default(),
            orphaned: Cell::default(),
            clearance: RefCell::default(),
        });
        let on_action = Rc::new(on_action);
        let root = parts.mount.root();
        let press = Listener::new(root, "click", {
            let (parts, on_action) = (Rc::downgrade(&parts), Rc::clone(&on_action));
            move |event: Event| {
                let Some(action) = pressed(&event) else { return };
                if let (Action::Close, Some(parts)) = (action, parts.upgrade()) {
                    parts.close_dialog();
                }
                on_action(action, &event);
            }
        })?;
        // Escape and Android's back gesture close the dialog natively. That decides nothing (B1).
        let close = Listener::new(root, "close", {
            let parts = Rc::downgrade(&parts);
            move |event: Event| {
                if let Some(parts) = parts.upgrade() {
                    parts.close_dialog();
                }
                on_action(Action::Close, &event);
            }
        })?;
        Ok(Self { parts, _listeners: [press, close] })
    }

    /// Shows the first layer, without taking the focus from the page.
    ///
    /// # Errors
    /// When the browser refuses an element.
    pub fn show_banner(&self, node: &Node) -> Result<(), JsValue> {
        self.hide_banner();
        let parts = &self.parts;
        let banner: HtmlElement = parts.build(node)?.unchecked_into();
        banner.set_attribute("popover", "manual")?;
        parts.mount.root().append_child(&banner)?;
        if banner.show_popover().is_err() {
            // A browser without popovers: `position: fixed` and a high `z-index` have to do.
            banner.remove_attribute("popover")?;
        }
        parts.keep_clear();
        parts.start_tabbing_at(&banner);
        parts.announce();
        Ok(())
    }

    /// Moves the focus to the first layer.
    pub fn focus_banner(&self) {
        self.parts.focus_part(BANNER);
    }

    /// Removes the first layer.
    pub fn hide_banner(&self) {
        self.parts.announcement.take();
        self.parts.status.set_text_content(None);
        self.parts.remove(BANNER);
        self.parts.stop_keeping_clear();
    }

    /// Opens the dialog and puts the focus on its title (A2).
    ///
    /// # Errors
    /// When the browser refuses an element or the dialog.
    pub fn show_dialog(&self, node: &Node) -> Result<(), JsValue> {
        let parts = &self.parts;
        // A dialog that replaces another keeps the first one's invoker.
        if !parts.remove(DIALOG) {
            parts.invoker.replace(parts.focused());
        }
        let dialog: HtmlDialogElement = parts.build(node)?.unchecked_into();
        parts.mount.root().append_child(&dialog)?;
        dialog.show_modal()?;
        if let Ok(Some(title)) = dialog.query_selector("[tabindex]") {
            focus(title.unchecked_ref());
        }
        Ok(())
    }

    /// Closes the dialog and returns the focus to what opened it. Does nothing when none is open.
    pub fn close_dialog(&self) {
        self.parts.close_dialog();
    }

    /// Shows the control that reopens the preferences.
    ///
    /// # Errors
    /// When the browser refuses an element.
    pub fn show_reopen(&self, node: &Node) -> Result<(), JsValue> {
        self.hide_reopen();
        let reopen = self.parts.build(node)?;
        self.parts.mount.root().append_child(&reopen)?;
        if self.parts.orphaned.take() {
            self.parts.focus_part(REOPEN);
        }
        Ok(())
    }

    /// Removes that control.
    pub fn hide_reopen(&self) {
        if let Some(button) = self.parts.find(REOPEN) {
            // The button stands in a landmark that was made for it.
            button.parent_element().unwrap_or(button).remove();
        }
    }

    /// The switches of the dialog as they stand: (category id, on).
    pub fn switches(&self) -> Vec<(String, bool)> {
        let Ok(found) = self.parts.mount.root().query_selector_all("[data-category-id]") else { return Vec::new() };
        (0..found.length())
            .filter_map(|i| found.get(i)?.dyn_into::<HtmlInputElement>().ok())
            .filter_map(|switch| Some((switch.get_attribute("data-category-id")?, switch.checked())))
            .collect()
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        self.parts.stop_keeping_clear();
    }
}

impl Parts {
    fn build(&self, node: &Node) -> Result<Element, JsValue> {
        render::element(&self.document, node)
    }

    fn find(&self, selector: &str) -> Option<Element> {
        self.mount.root().query_selector(selector).ok().flatten()
    }

    /// Removes what `selector` finds; tells whether there was something.
    fn remove(&self, selector: &str) -> bool {
        let found = self.find(selector);
        if let Some(element) = &found {
            element.remove();
        }
        found.is_some()
    }

    fn close_dialog(&self) {
        let Some(dialog) = self.find(DIALOG) else { return };
        if let Some(dialog) = dialog.dyn_ref::<HtmlDialogElement>() {
            dialog.close();
        }
        // Once it is out of the tree, the `close` event that the browser has queued reaches nobody.
        dialog.remove();
        match self.invoker.take() {
            Some(invoker) if invoker.is_connected() => focus(&invoker),
            Some(_) => self.orphaned.set(!self.focus_part(REOPEN)),
            None => {}
        }
    }

    /// The focused element, looked up in the shadow root when the page only sees the host.
    fn focused(&self) -> Option<HtmlElement> {
        let inside = self.mount.root().active_element();
        let focused = inside.or_else(|| self.document.active_element())?;
        focused.dyn_into().ok().filter(|element: &HtmlElement| element.tag_name() != "BODY")
    }

    fn focus_part(&self, selector: &str) -> bool {
        let found = self.find(selector);
        if let Some(element) = &found {
            focus(element.unchecked_ref());
        }
        found.is_some()
    }

    /// While nothing is focused, lets the next Tab go to the banner, which otherwise stands at the end of the page.
    fn start_tabbing_at(&self, banner: &HtmlElement) {
        if self.focused().is_none() {
            focus(banner);
            let _ = banner.blur();
        }
    }

    fn announce(&self) {
        let title = self.find("#banner-title").and_then(|title| title.text_content());
        let status = self.status.clone();
        let fill = move || status.set_text_content(title.as_deref());
        self.announcement.replace(Later::new(&self.window, NOTICE, fill).ok());
    }

    fn keep_clear(&self) {
        // The banner is at most half as high as the window; measuring it would force a layout at start-up.
        if let Some(sheet) = mount::sheet(":root{scroll-padding-bottom:50vh}") {
            let sheets = self.document.adopted_style_sheets();
            self.document.set_adopted_style_sheets(&sheets.concat(&js_sys::Array::of1(&sheet)));
            self.clearance.replace(Some(sheet));
        }
    }

    fn stop_keeping_clear(&self) {
        if let Some(sheet) = self.clearance.take() {
            let sheets = self.document.adopted_style_sheets();
            let rest = sheets.filter(&mut |other, _, _| !js_sys::Object::is(&other, &sheet));
            self.document.set_adopted_style_sheets(&rest);
        }
    }
}

/// The action of the control that was pressed.
fn pressed(event: &Event) -> Option<Action> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let control = target.closest("[data-action]").ok()??;
    Action::named(&control.get_attribute("data-action")?)
}

/// Focuses without scrolling the page.
fn focus(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    let _ = element.focus_with_options(&options);
}
