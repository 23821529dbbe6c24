//! Reading a fixed shape: every field is taken, and one flag says whether all of them were there.
//!
//! A `?` after each field would drop what has been read so far in as many places as there are fields; that alone was
//! 2 kB of the browser bundle.

use super::Value;
use crate::texts::cut;
use alloc::string::String;
use alloc::vec::Vec;

/// The fields of an object. What is missing or of another type is read as nothing, and `good` becomes false.
pub(crate) struct Fields<'a> {
    value: &'a Value,
    /// Whether everything was there so far.
    pub good: bool,
}

impl<'a> Fields<'a> {
    pub fn of(value: &'a Value) -> Self {
        Self { value, good: true }
    }

    /// The value under `key`; `null` counts as one.
    pub fn get(&mut self, key: &str) -> &'a Value {
        let found = self.value.at(key);
        self.good &= found.is_some();
        found.unwrap_or(&Value::Null)
    }

    /// A string, into a place that is empty; anything else leaves it so.
    #[inline(never)]
    pub fn take_optional(&mut self, key: &str, into: &mut Option<String>) {
        if let Some(text) = self.value.get(key).text() {
            *into = Some(String::from(text));
        }
    }

    /// A string, into a place that is empty.
    #[inline(never)]
    pub fn take(&mut self, key: &str, into: &mut String) {
        match self.value.get(key).text() {
            Some(text) => into.push_str(text),
            None => self.good = false,
        }
    }

    pub fn text(&mut self, key: &str) -> String {
        let mut text = String::new();
        self.take(key, &mut text);
        text
    }

    #[inline(never)]
    pub fn int(&mut self, key: &str) -> i64 {
        let n = self.value.get(key).int();
        self.good &= n.is_some();
        n.unwrap_or(0)
    }

    /// A number of 32 bits without sign.
    pub fn count(&mut self, key: &str) -> u32 {
        let n = u32::try_from(self.int(key));
        self.good &= n.is_ok();
        n.unwrap_or(0)
    }

    #[inline(never)]
    pub fn flag(&mut self, key: &str) -> bool {
        let flag = self.value.get(key).bool();
        self.good &= flag.is_some();
        flag.unwrap_or(false)
    }

    /// A list of strings.
    #[inline(never)]
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.get(key).items() {
            self.good &= item.text().is_some();
            texts.push(String::from(item.text().unwrap_or("")));
        }
        texts
    }

    /// The place of a string in a list as [`place`] takes it.
    #[inline(never)]
    pub fn named(&mut self, key: &str, names: &str) -> usize {
        let place = self.value.get(key).text().and_then(|name| place(names, name));
        self.good &= place.is_some();
        place.unwrap_or(0)
    }
}

/// The place of `name` in a list of names, separated by spaces: a table of texts takes an address and a length for each,
/// which in the browser's bundle is more than most of the names.
#[inline(never)]
pub(crate) fn place(mut names: &str, name: &str) -> Option<usize> {
    let mut place = 0;
    while !names.is_empty() {
        let (known, rest) = cut(names, b' ');
        if known == name {
            return Some(place);
        }
        names = rest;
        place += 1;
    }
    None
}

/// The name that stands at a place of such a list.
#[inline(never)]
pub(crate) fn name_at(mut names: &'static str, place: usize) -> &'static str {
    for _ in 0..place {
        names = cut(names, b' ').1;
    }
    cut(names, b' ').0
}
