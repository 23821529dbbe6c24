//! How the visitor acted, as far as the page can tell (PROOF §1.3, "Missing for Art. 7(1)").

use crate::json::{Value, Writer};
use crate::time::Millis;
use alloc::string::String;

/// The longest time that is told, in milliseconds: whoever took longer was away.
pub const MAX_DWELL: Millis = 600_000;

/// How a control of ours was pressed. It supports a grade of the evidence and is never a reason to refuse an answer. No
/// coordinates and no exact times: they would tell people apart (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// With what.
    pub input: Input,
    /// For how long the layer with the control had been shown: milliseconds, rounded to 100, at most [`MAX_DWELL`].
    pub dwell_ms: Millis,
    /// Whether accepting and rejecting on the first layer were equally large and looked alike, measured in the page at
    /// that moment (B3). Nothing where the first layer was not shown.
    pub first_layer_equal_choice: Option<bool>,
}

names! {
    /// With what a control was pressed.
    Input {
        /// A click made by a program in the page: an extension that answers for the visitor, an assistant, a test.
        Agent = "agent",
        /// The keyboard, or an assistive technology that clicks like one.
        Keyboard = "keyboard",
        /// A mouse, a pen or a finger.
        Pointer = "pointer",
    }
}

impl Interaction {
    /// Whether the browser vouches that a person caused it (`Event.isTrusted`).
    pub fn is_trusted(self) -> bool {
        self.input != Input::Agent
    }

    /// What the page has measured, `{input, dwell_ms, first_layer_equal_choice}`, no more exact than it may be kept.
    pub fn read(value: &Value) -> Option<Self> {
        let input = Input::named(value.get("input").text()?)?;
        let dwell_ms = value.get("dwell_ms").int()?.clamp(0, MAX_DWELL);
        let dwell_ms = (dwell_ms + 50) / 100 * 100;
        Some(Self { input, dwell_ms, first_layer_equal_choice: value.get("first_layer_equal_choice").bool() })
    }

    /// Its canonical text, as the page makes it too (`www/ui.ts`).
    pub fn text(self) -> String {
        let mut writer = Writer::default();
        writer.open('{');
        writer.int("dwell_ms", self.dwell_ms);
        if let Some(equal) = self.first_layer_equal_choice {
            writer.flag("first_layer_equal_choice", equal);
        }
        writer.text("input", self.input.name());
        writer.flag("trusted_event", self.is_trusted());
        writer.close('}');
        writer.finish()
    }
}
