//! What a value may say: addresses, countries, periods, words, and services that are never strictly necessary.

use super::Service;
use super::keys::Shape;
use super::reader::{At, Reader, items};
use super::suggest::plain;
use crate::json::Value;
use crate::texts::{self, cut};
use crate::time::Period;
use crate::view::inline;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What kind of address a text is (T6, L29, L31).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// `javascript:`, `data:` and their kin.
    Code,
    Http,
    Https,
    /// `http` to this very machine, for development.
    Loopback,
    /// Neither.
    Other,
    /// A path on the site, `/privacy`.
    Path,
}

impl Link {
    pub(super) fn of(text: &str) -> Self {
        if ["javascript:", "data:", "vbscript:", "blob:"].iter().any(|scheme| has_scheme(text, scheme)) {
            return Self::Code;
        }
        if text.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) {
            return Self::Other;
        }
        if text.starts_with("/") && !text.starts_with("//") {
            return Self::Path;
        }
        match host(text) {
            Some((_, "")) | None => Self::Other,
            Some((true, _)) => Self::Https,
            Some((false, host)) if is_loopback(host) => Self::Loopback,
            Some((false, _)) => Self::Http,
        }
    }
}

/// Browsers skip white space and control characters inside a scheme; so must a check against `javascript:`.
fn has_scheme(text: &str, scheme: &str) -> bool {
    let mut rest = scheme.as_bytes();
    for b in text.bytes().filter(|b| *b > b' ') {
        match rest {
            [next, after @ ..] if *next == b.to_ascii_lowercase() => rest = after,
            _ => break,
        }
    }
    rest.is_empty()
}

/// The offset of `needle`. `str::find` would bring the standard library's searcher, panics and all, into the bundle.
pub(super) fn find(text: &str, needle: &str) -> Option<usize> {
    let mut rest = text.as_bytes();
    while !rest.starts_with(needle.as_bytes()) {
        rest = rest.get(1..)?;
    }
    Some(text.len() - rest.len())
}

/// What stands before the path, of an address without its scheme.
fn authority(text: &str) -> &str {
    cut(cut(cut(text, b'/').0, b'?').0, b'#').0
}

/// Whether it is `https`, and the host. No address has a reason to carry credentials.
fn host(text: &str) -> Option<(bool, &str)> {
    let secure = text.starts_with("https://");
    let authority = authority(text.get(if secure { 8 } else { 7 }..)?);
    if !secure && !text.starts_with("http://") || authority.bytes().any(|b| b == b'@') {
        return None;
    }
    if authority.starts_with("[") {
        let inner = cut(authority, b']').0;
        return Some((secure, authority.get(..inner.len() + 1)?));
    }
    Some((secure, cut(authority, b':').0))
}

/// What a text that is no address was probably meant to be.
pub(super) fn as_link(text: &str) -> Option<String> {
    let bare = text.trim_start_matches('/');
    let guess = [if find(bare, ".").is_some() { "https://" } else { "/" }, bare].concat();
    (find(bare, ":").is_none() && Link::of(&guess) != Link::Other).then_some(guess)
}

fn is_loopback(host: &str) -> bool {
    let v4 = host.strip_prefix("127.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    v4 || host == "localhost" || host == "[::1]" || host.ends_with(".localhost")
}

/// Whether a text is a mail address, with or without `mailto:`.
pub(crate) fn is_mail(text: &str) -> bool {
    let bare = text.strip_prefix("mailto:").unwrap_or(text);
    let (name, host) = cut(bare, b'@');
    !name.is_empty() && !host.is_empty() && !host.bytes().any(|b| b == b'@') && bare.bytes().all(|b| b > b' ')
}

/// Whether a link in an owner's text may lead there: to a page or a mail address, and never to code.
pub(crate) fn is_safe_link(url: &str) -> bool {
    match Link::of(url) {
        Link::Code => false,
        Link::Other => url.starts_with("mailto:") && is_mail(url),
        _ => true,
    }
}

/// Whether there is nothing to see in a text (Unicode's `White_Space`, spelled out: the standard library's table of all
/// properties would come into the bundle).
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c <= ' '
            || matches!(c as u32, 0x85 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000)
    })
}

/// Whether a text is the key of a bundled purpose.
pub(super) fn is_bundled_purpose(text: &str) -> bool {
    text.starts_with("purpose.")
}

/// Whether a text is one word that, as a CSS selector, could only name an element.
pub(super) fn is_bare_word(text: &str) -> bool {
    let (mut word, mut gap) = (false, false);
    for b in text.bytes() {
        match b {
            b' ' => gap = word,
            _ if gap || matches!(b, b'#' | b'.' | b'[' | b'>' | b':' | b'-') => return false,
            _ => word = true,
        }
    }
    true
}

/// Whether a key needs no quotes in a JSON path.
pub(super) fn is_name(key: &str) -> bool {
    !key.as_bytes().first().is_none_or(u8::is_ascii_digit)
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a text can be a language tag (BCP 47, by shape).
pub(super) fn is_language(tag: &str) -> bool {
    let mut primary = true;
    let mut length = 0;
    for at in 0..=tag.len() {
        // The end ends the last part like a hyphen.
        let b = tag.as_bytes().get(at).copied().unwrap_or(b'-');
        if b == b'-' {
            if length < if primary { 2 } else { 1 } || length > if primary { 3 } else { 8 } {
                return false;
            }
            primary = false;
            length = 0;
        } else if if primary { b.is_ascii_lowercase() } else { b.is_ascii_alphanumeric() } {
            length += 1;
        } else {
            return false;
        }
    }
    true
}

/// Whether a text can be the id of a category or service. It becomes part of attributes, part names and file names.
pub(crate) fn is_id(id: &str, first_digit: bool) -> bool {
    let first = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || first_digit && b.is_ascii_digit());
    first && id.len() <= 40 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

pub(super) fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// Whether data stays in the European Economic Area (L21).
pub(super) fn in_eea(country: &str) -> bool {
    const EEA: &[u8] = b"ATBEBGCYCZDEDKEEESFIFRGRHRHUIEISITLILTLULVMTNLNOPLPTROSESISK";
    country == "EU" || EEA.chunks(2).any(|code| code == country.as_bytes())
}

/// Most days in so many consecutive months.
const LONGEST: [u32; 7] = [0, 31, 62, 92, 123, 153, 184];

/// Words that pretend a consent (L11): an error in any language.
const IMPLIED: &str = "\
    by continuing|by using this|by using our|by browsing|by closing|by scrolling|continued use|if you continue|\
    you agree by|deemed to accept|door verder te|door gebruik te maken|door deze site te gebruiken|\
    door deze website te gebruiken|door onze site te gebruiken|door onze website te gebruiken|als u verder gaat|\
    als je verder gaat|durch die weitere nutzung|durch die nutzung|durch weitersurfen|mit der weiteren nutzung|\
    mit der nutzung|indem sie fortfahren|indem sie diese|wenn sie fortfahren|en continuant|en poursuivant|\
    en utilisant ce|en utilisant notre|la poursuite de votre|en naviguant";

/// Words that push towards accepting (L11): a warning.
const STEERING: &str = "\
    best experience|best possible experience|optimal experience|better experience|improve your experience|\
    enhance your experience|no thanks, i|accept & close|accept and close|we value your privacy|beste ervaring|\
    optimale ervaring|betere ervaring|nee, ik wil geen|beste erlebnis|bestes erlebnis|optimales erlebnis|\
    bestmögliche|meilleure expérience|expérience optimale|améliorer votre expérience";

/// Labels that don't say what accepting does, by [`plain`].
const VAGUE: &[&str] = &["ok", "okay", "gotit", "continue", "close", "verder", "weiter", "continuer"];

/// Trackers by words of their id, name, provider or hosts (L06), each between hyphens.
const TRACKERS: &str = "\
    -google-analytics-|-google-tag-|-google-ads-|-gtm-|-ga4-|-gtag-|-doubleclick-|-adsense-|-facebook-|\
    -meta-pixel-|-meta-platforms-|-hotjar-|-contentsquare-|-microsoft-clarity-|-ms-clarity-|\
    -microsoft-advertising-|-bing-ads-|-logrocket-|-log-rocket-|-hubspot-|-tiktok-|-linkedin-|-pinterest-|\
    -snapchat-|-twitter-|-mixpanel-|-amplitude-|-fullstory-|-mouseflow-|-smartlook-|-lucky-orange-|-criteo-|\
    -taboola-|-outbrain-|-adroll-|-yandex-metrica-|-innertrends-|-googletagmanager-|-clarity-ms-|-bat-bing-|\
    -hs-scripts-|-licdn-|-adnxs-";

/// Names that are trackers when nothing else stands beside them, but also ordinary words.
const TRACKER_NAMES: &str = "clarity|segment|heap|ga|uet|meta";

/// Whether a service is a known tracker.
pub(super) fn is_tracker(service: &Service, hosts: &[Value]) -> bool {
    let mut said = texts::concat(&["-", &service.id, "-", &service.name, "-", &service.provider, "-"]);
    for host in hosts.iter().filter_map(Value::text) {
        said.push_str(host);
        said.push('-');
    }
    let mut words = String::new();
    for byte in said.bytes() {
        // One hyphen for each other character, however many bytes it has.
        if byte & 0xC0 != 0x80 {
            words.push(if byte.is_ascii_alphanumeric() { char::from(byte.to_ascii_lowercase()) } else { '-' });
        }
    }
    let (id, name) = (plain(&service.id), plain(&service.name));
    first(TRACKERS, &mut |tracker| find(&words, tracker).is_some()).is_some()
        || first(TRACKER_NAMES, &mut |tracker| tracker == id || tracker == name).is_some()
}

/// Scheme, host and port, nothing after.
fn is_origin(text: &str) -> bool {
    let Some((secure, host)) = host(text) else { return false };
    let port = text.get(host.len() + if secure { 8 } else { 7 }..).unwrap_or("/");
    let digits = port.strip_prefix(":").unwrap_or(if port.is_empty() { "0" } else { "" });
    matches!(Link::of(text), Link::Https | Link::Loopback)
        && !text.bytes().any(|b| b.is_ascii_uppercase())
        && matches!(digits.len(), 1..=5)
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The first phrase that passes, of a list separated by bars: a list of texts would carry an address for each.
#[inline(never)]
pub(super) fn first(list: &'static str, test: &mut dyn FnMut(&str) -> bool) -> Option<&'static str> {
    let mut rest = list;
    while !rest.is_empty() {
        let (phrase, after) = cut(rest, b'|');
        if test(phrase) {
            return Some(phrase);
        }
        rest = after;
    }
    None
}

/// Lower case for ASCII and Latin-1, which is all that the phrases need; Unicode's tables would cost kilobytes.
fn folded(text: &str) -> String {
    let mut lower = String::new();
    for c in text.chars() {
        lower.push(match c {
            'À'..='Þ' if c != '×' => char::from_u32(c as u32 + 32).unwrap_or(c),
            '’' => '\'',
            '\u{a0}' | '\n' => ' ',
            c => c.to_ascii_lowercase(),
        });
    }
    lower
}

impl<const WORDS: bool> Reader<'_, WORDS> {
    /// A mail address or URL (T6, L29, L31).
    pub(super) fn address(&mut self, at: &At<'_>, text: &str, shape: Shape) {
        match (shape, Link::of(text)) {
            (_, Link::Code) => {
                let why = "javascript: and data: URLs are not allowed; the configuration never runs code";
                self.error(at, "L31", &[why], None);
            }
            (Shape::Contact, Link::Other) if !is_mail(text) => {
                let why = "must be a mail address or an https URL, so that visitors can reach you";
                self.error(at, "L09", &[why], None);
            }
            (Shape::Url, Link::Http) => {
                let why = "should be https: what it says can be changed on the way";
                self.warning(at, "L31", &[why], Self::secured(text).as_deref());
            }
            (Shape::Url, Link::Other) => {
                let guess = if WORDS { as_link(text) } else { None };
                self.wrong(at, "an https URL or a path that starts with /", guess.as_deref());
            }
            (Shape::Endpoint, Link::Http | Link::Other) => {
                let why = "must be an https URL or a path that starts with /: records are evidence and personal data";
                self.error(at, "L29", &[why], Self::secured(text).as_deref());
            }
            _ => {}
        }
    }

    /// A page by its path on the site (B10). What can't match is a warning only: at worst the visitor is asked.
    #[inline(always)]
    pub(super) fn page(&mut self, at: &At<'_>, path: &str) {
        if !WORDS {
            return;
        }
        if Link::of(path) != Link::Path {
            let after = find(path, "://").map_or(0, |scheme| scheme + 3);
            let page = path.get(after..).unwrap_or("");
            let page = if after > 0 { page.get(authority(page).len()..).unwrap_or("") } else { page };
            let guess = ["/", page.trim_start_matches('/')].concat();
            let why = "is no page's path: it starts with /, such as \"/privacy\" or \"/legal/*\"";
            self.warning(at, "value", &[why], Some(guess.as_str()).filter(|guess| *guess != "/"));
        } else if find(path, "%").is_some() {
            let why = "is compared with the path as it reads, without escapes such as %C3%A9";
            self.warning(at, "value", &[why], None);
        } else if path.len() > 1 && path.trim_end_matches('*') == "/" {
            let why = "is every page: nobody is ever asked, so everything stays shut";
            self.warning(at, "unused", &[why], None);
        }
    }

    /// The same address with `https`.
    #[inline(always)]
    fn secured(text: &str) -> Option<String> {
        if !WORDS {
            return None;
        }
        Some(["https:", text.strip_prefix("http:")?].concat())
    }

    /// Data outside the EEA has a safeguard (L21).
    #[inline(always)]
    pub(super) fn safeguarded(&mut self, at: &At<'_>, service: &Value) {
        if !WORDS || service.at("safeguard").is_some() {
            return;
        }
        let outside = |country: &&str| is_country(country) && !in_eea(country);
        if let Some(outside) = items(service, "countries").iter().filter_map(Value::text).find(outside) {
            let message = [outside, " is outside the EEA: name the safeguard (GDPR Art. 13(1)(f))"];
            let guess = Some("\"safeguard\": \"adequacy\", \"SCC\" or \"BCR\"");
            self.warning(&at.key("countries"), "L21", &message, guess);
        }
    }

    /// An origin: scheme, host and port, nothing after; `https`, or `http` to this very machine.
    pub(super) fn origin(&mut self, at: &At<'_>, text: &str) {
        if !is_origin(text) {
            let mut guess = String::new();
            if WORDS {
                let lower = text.to_ascii_lowercase();
                let after = find(&lower, "://").map_or(0, |scheme| scheme + 3);
                let bare = authority(lower.get(after..).unwrap_or(""));
                let local = lower.starts_with("http:") && is_loopback(cut(bare, b':').0);
                guess = [if local { "http://" } else { "https://" }, bare].concat();
            }
            let guess = Some(guess.as_str()).filter(|guess| WORDS && is_origin(guess));
            self.wrong(at, "an https origin, scheme and host only, such as \"https://www.example.nl\"", guess);
        }
    }

    /// An ISO 3166 alpha-2 code, by shape, with the two that people get wrong.
    pub(super) fn country(&mut self, at: &At<'_>, text: &str) {
        if is_country(text) && text != "UK" && text != "EL" {
            return;
        }
        let mut right = String::new();
        if WORDS {
            right = text.to_ascii_uppercase();
            right = match right.as_str() {
                "UK" => "GB".to_string(),
                "EL" => "GR".to_string(),
                _ => right,
            };
        }
        let guess = Some(right.as_str()).filter(|right| WORDS && is_country(right));
        self.wrong(at, "an ISO 3166 code of two capitals such as \"NL\"", guess);
    }

    /// How long a choice holds: at least six calendar months, from any day of any year (B14, L13), at most 24 (P7, L14).
    pub(super) fn validity(&mut self, at: &At<'_>, text: &str) {
        let Some(period) = Period::parse(text) else {
            return self.wrong(at, "an ISO 8601 period such as \"P6M\"", Some("P6M"));
        };
        let short = 6u32.saturating_sub(period.months) as usize;
        let days = period.days + period.seconds / 86_400;
        if LONGEST.get(short).is_some_and(|longest| days < *longest) {
            self.error(
                at,
                "L13",
                &["shorter than six months: nobody may be asked again that soon after a refusal"],
                Some("P6M"),
            );
        } else if period.days_at_most() > 2 * 366 {
            self.error(at, "L14", &["longer than two years: a consent must be refreshed"], Some("P6M"));
        } else if period.days_at_most() > 366 {
            self.warning(
                at,
                "L14",
                &["longer than a year: most authorities want consent refreshed sooner"],
                Some("P12M"),
            );
        }
    }

    /// The owner's words: nothing that implies consent, nothing that steers (B1, B12, L11).
    pub(super) fn words(&mut self, at: &At<'_>, text: &str) {
        if let Some(url) = inline(text, &mut Vec::new()) {
            let mut guess = None;
            if WORDS {
                guess = if is_mail(url) { Some(["mailto:", url].concat()) } else { as_link(url) };
            }
            let code = if Link::of(url) == Link::Code { "L31" } else { "value" };
            let why = "\" is no address for a link: https:, http:, mailto: or a path of the site that starts with /";
            self.error(at, code, &["\"", url, why], guess.as_deref());
        }
        let lower = folded(text);
        if let Some(phrase) = first(IMPLIED, &mut |phrase| find(&lower, phrase).is_some()) {
            self.error(at, "L11", &["\"", phrase, "\" implies consent; only a click on a choice is consent"], None);
        } else if WORDS && let Some(phrase) = first(STEERING, &mut |phrase| find(&lower, phrase).is_some()) {
            self.warning(at, "L11", &["\"", phrase, "\" steers towards accepting; say plainly what it is for"], None);
        }
    }

    /// A text that the owner writes in place of a bundled one.
    pub(super) fn own_text(&mut self, at: &At<'_>, key: &str, text: &str) {
        if !self.has_word(key) {
            let guess = Self::near(key, &mut texts::KEYS.iter().copied());
            return self.error(at, "L40", &["no text has the key \"", key, "\""], guess);
        }
        self.words(at, text);
        if WORDS && key.ends_with("accept") && VAGUE.contains(&plain(text.trim_end_matches(['!', '.'])).as_str()) {
            self.warning(at, "L11", &["the button must say what it does"], Some("Accept all"));
        }
    }
}
