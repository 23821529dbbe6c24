//! What a value may say: addresses, countries, periods, words, and services that are never strictly necessary.

use super::reader::{At, Reader};
use super::suggest::plain;
use crate::texts;
use crate::time::Period;
use alloc::string::String;

/// What kind of address a text is (T6, L29, L31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        // Browsers skip white space and control characters inside a scheme; so must a check against `javascript:`.
        let shown: String = text.chars().filter(|c| *c > ' ').map(|c| c.to_ascii_lowercase()).collect();
        if ["javascript:", "data:", "vbscript:", "blob:"].iter().any(|scheme| shown.starts_with(scheme)) {
            return Self::Code;
        }
        if text.chars().any(|c| c <= ' ' || c == '\\' || c == '\u{7f}') {
            return Self::Other;
        }
        if text.starts_with('/') && !text.starts_with("//") {
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

/// The offset of `needle`. `str::find` would bring the standard library's searcher, panics and all, into the bundle.
fn find(text: &str, needle: &str) -> Option<usize> {
    (0..text.len()).find(|start| text.as_bytes().get(*start..).is_some_and(|rest| rest.starts_with(needle.as_bytes())))
}

/// Up to the first of these bytes, which are ASCII.
fn until<'t>(text: &'t str, ends: &[u8]) -> &'t str {
    let end = text.bytes().position(|b| ends.contains(&b)).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// Whether it is `https`, and the host. No address has a reason to carry credentials.
fn host(text: &str) -> Option<(bool, &str)> {
    let secure = text.starts_with("https://");
    let authority = until(text.get(if secure { 8 } else { 7 }..)?, b"/?#");
    if !secure && !text.starts_with("http://") || authority.bytes().any(|b| b == b'@') {
        return None;
    }
    if authority.starts_with('[') {
        let inner = until(authority, b"]");
        return Some((secure, authority.get(..inner.len() + 1)?));
    }
    Some((secure, until(authority, b":")))
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

pub(super) fn is_mail(text: &str) -> bool {
    let bare = text.strip_prefix("mailto:").unwrap_or(text);
    let name = until(bare, b"@");
    let host = bare.get(name.len() + 1..).unwrap_or("");
    !name.is_empty() && !host.is_empty() && until(host, b"@") == host && bare.bytes().all(|b| b > b' ')
}

/// Whether a text can be a language tag (BCP 47, by shape).
pub(super) fn is_language(tag: &str) -> bool {
    let primary = until(tag, b"-");
    let parts = tag.as_bytes().split(|b| *b == b'-').skip(1);
    matches!(primary.len(), 2 | 3)
        && primary.bytes().all(|b| b.is_ascii_lowercase())
        && parts.into_iter().all(|part| matches!(part.len(), 1..=8) && part.iter().all(u8::is_ascii_alphanumeric))
}

/// Whether a text can be the id of a category or service. It becomes part of attributes, part names and file names.
pub(super) fn is_id(id: &str, first_digit: bool) -> bool {
    let first = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || first_digit && b.is_ascii_digit());
    first && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
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
const IMPLIED: &[&str] = &[
    "by continuing",
    "by using this",
    "by using our",
    "by browsing",
    "by closing",
    "by scrolling",
    "continued use",
    "if you continue",
    "you agree by",
    "deemed to accept",
    "door verder te",
    "door gebruik te maken",
    "door deze site te gebruiken",
    "door deze website te gebruiken",
    "door onze site te gebruiken",
    "door onze website te gebruiken",
    "als u verder gaat",
    "als je verder gaat",
    "durch die weitere nutzung",
    "durch die nutzung",
    "durch weitersurfen",
    "mit der weiteren nutzung",
    "mit der nutzung",
    "indem sie fortfahren",
    "indem sie diese",
    "wenn sie fortfahren",
    "en continuant",
    "en poursuivant",
    "en utilisant ce",
    "en utilisant notre",
    "la poursuite de votre",
    "en naviguant",
];

/// Words that push towards accepting (L11): a warning.
const STEERING: &[&str] = &[
    "best experience",
    "best possible experience",
    "optimal experience",
    "better experience",
    "improve your experience",
    "enhance your experience",
    "no thanks, i",
    "accept & close",
    "accept and close",
    "we value your privacy",
    "beste ervaring",
    "optimale ervaring",
    "betere ervaring",
    "nee, ik wil geen",
    "beste erlebnis",
    "bestes erlebnis",
    "optimales erlebnis",
    "bestmögliche",
    "meilleure expérience",
    "expérience optimale",
    "améliorer votre expérience",
];

/// Labels that don't say what accepting does, by [`plain`].
const VAGUE: &[&str] = &["ok", "okay", "gotit", "continue", "close", "verder", "weiter", "continuer"];

/// Trackers by words of their id, name or provider (L06).
const TRACKERS: &[&str] = &[
    "google-analytics",
    "google-tag",
    "google-ads",
    "gtm",
    "ga4",
    "gtag",
    "doubleclick",
    "adsense",
    "facebook",
    "meta-pixel",
    "meta-platforms",
    "hotjar",
    "contentsquare",
    "microsoft-clarity",
    "ms-clarity",
    "microsoft-advertising",
    "bing-ads",
    "logrocket",
    "log-rocket",
    "hubspot",
    "tiktok",
    "linkedin",
    "pinterest",
    "snapchat",
    "twitter",
    "mixpanel",
    "amplitude",
    "fullstory",
    "mouseflow",
    "smartlook",
    "lucky-orange",
    "criteo",
    "taboola",
    "outbrain",
    "adroll",
    "yandex-metrica",
    "innertrends",
];

/// Names that are trackers when nothing else stands beside them, but also ordinary words.
const TRACKER_NAMES: &[&str] = &["clarity", "segment", "heap", "ga", "uet", "meta"];

/// The known tracker that these words name.
pub(super) fn tracker(id: &str, name: &str, provider: &str) -> Option<&'static str> {
    let joined: String = ["-", id, "-", name, "-", provider, "-"]
        .concat()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let named = |words: &str| find(&joined, &["-", words, "-"].concat()).is_some();
    let alone = |word: &str| plain(id) == word || plain(name) == word;
    TRACKERS.iter().find(|words| named(words)).or_else(|| TRACKER_NAMES.iter().find(|word| alone(word))).copied()
}

impl<const WORDS: bool> Reader<WORDS> {
    /// An origin: scheme, host and port, nothing after; `https`, or `http` to this very machine.
    pub(super) fn origin(&mut self, at: &At<'_>, text: &str) {
        let is_origin = |text: &str| {
            let port = host(text)
                .and_then(|(secure, host)| text.get(host.len() + if secure { 8 } else { 7 }..))
                .unwrap_or("/");
            let digits = port.strip_prefix(':').unwrap_or(if port.is_empty() { "0" } else { "" });
            matches!(Link::of(text), Link::Https | Link::Loopback)
                && !text.bytes().any(|b| b.is_ascii_uppercase())
                && matches!(digits.len(), 1..=5)
                && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if !is_origin(text) {
            let guess = if WORDS {
                let lower = text.to_ascii_lowercase();
                let after = find(&lower, "://").map_or(0, |scheme| scheme + 3);
                let bare = until(lower.get(after..).unwrap_or(""), b"/?#");
                let local = lower.starts_with("http:") && is_loopback(until(bare, b":"));
                [if local { "http://" } else { "https://" }, bare].concat()
            } else {
                String::new()
            };
            let guess = Some(guess.as_str()).filter(|guess| WORDS && is_origin(guess));
            self.wrong(at, "an https origin, scheme and host only, such as \"https://www.example.nl\"", guess);
        }
    }

    /// An ISO 3166 alpha-2 code, by shape, with the two that people get wrong.
    pub(super) fn country(&mut self, at: &At<'_>, text: &str) {
        let upper = text.to_ascii_uppercase();
        let right = match upper.as_str() {
            "UK" => "GB",
            "EL" => "GR",
            other => other,
        };
        let shaped = is_country(right);
        if !shaped || right != text {
            self.wrong(at, "an ISO 3166 code of two capitals such as \"NL\"", Some(right).filter(|_| shaped));
        }
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
        // Lower case for ASCII and Latin-1 is all that the phrases need; Unicode tables would cost kilobytes.
        let lower: String = text
            .chars()
            .map(|c| match c {
                'À'..='Þ' if c != '×' => char::from_u32(c as u32 + 32).unwrap_or(c),
                '’' => '\'',
                '\u{a0}' | '\n' => ' ',
                c => c.to_ascii_lowercase(),
            })
            .collect();
        if let Some(phrase) = IMPLIED.iter().find(|phrase| find(&lower, phrase).is_some()) {
            self.error(at, "L11", &["\"", phrase, "\" implies consent; only a click on a choice is consent"], None);
        } else if let Some(phrase) = STEERING.iter().find(|phrase| WORDS && find(&lower, phrase).is_some()) {
            self.warning(at, "L11", &["\"", phrase, "\" steers towards accepting; say plainly what it is for"], None);
        }
    }

    /// A text that the owner writes in place of a bundled one.
    pub(super) fn own_text(&mut self, at: &At<'_>, key: &str, text: &str) {
        if !texts::KEYS.contains(&key) {
            let guess = Self::near(key, &mut texts::KEYS.iter().copied());
            return self.error(at, "L40", &["no text has the key \"", key, "\""], guess);
        }
        self.words(at, text);
        if WORDS && key.ends_with("accept") && VAGUE.contains(&plain(text.trim_end_matches(['!', '.'])).as_str()) {
            self.warning(at, "L11", &["the button must say what it does"], Some("Accept all"));
        }
    }
}
