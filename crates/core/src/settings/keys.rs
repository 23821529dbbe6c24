//! Every key of the configuration, as tables: the reader, its suggestions and the JSON Schema test share them.

use super::{Kind, Refusals, RequireAck};
use crate::wire::LOCALES;

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Checked by its own reader, or not at all (`$schema`).
    Any,
    /// `true` or `false`.
    Flag,
    /// A text that is not empty, of at most so many bytes.
    Text(usize),
    /// The owner's words: a text, or one per language (L11, L17).
    Words,
    /// The owner's words or the key of a bundled purpose.
    Purpose,
    /// A mail address or URL.
    Contact,
    /// `https`, or a path on the site.
    Url,
    /// Like [`Shape::Url`], without the leniency for `http` (L29).
    Endpoint,
    /// Scheme, host and port.
    Origin,
    /// An ISO 8601 period, `session` or `persistent`.
    Duration,
    /// An ISO 8601 period.
    Period,
    /// How long a choice holds (P7).
    Validity,
    /// An ISO 3166 alpha-2 code.
    Country,
    /// One of these texts, which are separated by spaces.
    OneOf(&'static str),
    /// An object, whose entries have their own reader.
    Object,
    /// An object with these keys.
    Table(&'static [Field]),
    /// An object whose entries have an id and these keys.
    Tables(&'static [Field]),
    /// An array of objects with these keys.
    Rows(&'static [Field]),
    /// An array of texts.
    Texts,
    /// An array of country codes.
    Countries,
    /// A host, as a Content Security Policy writes it.
    Host,
    /// An array of hosts.
    Hosts,
    /// An array of calls of a vendor's consent API.
    Calls,
}

/// A key that an object may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    /// The code when it must be there; the reason is in [`WHY`].
    pub(super) required: Option<&'static str>,
}

const fn may(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, required: None }
}

const fn must(key: &'static str, shape: Shape, code: &'static str) -> Field {
    Field { key, shape, required: Some(code) }
}

/// Longest name, address or URL.
const LINE: usize = 500;

/// Longest text of several lines.
pub(super) const LONG: usize = 2000;

/// Values of `gpc` and `dnt`.
pub(super) const SIGNAL: &str = "honour ignore";

/// Values of `audit`, beside `true`, which is `always`; `www/sampled.ts` reads them.
pub(super) const AUDIT: &str = "always sampled";

/// The products whose choice is taken over (`www/import.ts`), each with what its names mean here.
pub(super) const DIALECTS: &[Field] = &[
    may("c15t", Shape::Object),
    may("cookiebot", Shape::Object),
    may("cookieyes", Shape::Object),
    may("iubenda", Shape::Object),
    may("klaro", Shape::Object),
    may("onetrust", Shape::Object),
    may("orestbida", Shape::Object),
    may("probo", Shape::Object),
    may("usercentrics", Shape::Object),
];

/// Values of `layout`, which are classes of the banner in `www/ui.css`.
pub(super) const LAYOUTS: &str = "card bar bar-top box box-end box-top box-top-end centre none";
pub(super) const CARD: &str = "card";
pub(super) const HEADLESS: &str = "none";

/// Values of `records.refusals`, in the order of [`REFUSALS_AS`].
pub(super) const REFUSALS: &str = "aggregate none pseudonymous";
pub(super) const REFUSALS_AS: [Refusals; 3] = [Refusals::Aggregate, Refusals::None, Refusals::Pseudonymous];

/// Values of `records.require_ack`, in the order of [`REQUIRE_ACK_AS`].
pub(super) const REQUIRE_ACK: &str = "none persisted acked";
pub(super) const REQUIRE_ACK_AS: [RequireAck; 3] = [RequireAck::None, RequireAck::Persisted, RequireAck::Acked];

/// Values of an item's `kind`.
pub(super) const KINDS: &str = Kind::NAMES;

pub(super) const ROOT: &[Field] = &[
    may("$schema", Shape::Any),
    must("version", Shape::Text(64), "missing"),
    may("site", Shape::Origin),
    may("jurisdiction", Shape::Country),
    must("controller", Shape::Table(CONTROLLER), "L09"),
    must("categories", Shape::Object, "missing"),
    may("services", Shape::Tables(SERVICE)),
    may("records", Shape::Table(RECORDS)),
    may("validity", Shape::Validity),
    may("again", Shape::Text(64)),
    may("locale", Shape::OneOf(LOCALES)),
    may("texts", Shape::Object),
    may("dnt", Shape::OneOf(SIGNAL)),
    may("gpc", Shape::OneOf(SIGNAL)),
    may("audit", Shape::OneOf(AUDIT)),
    may("dialects", Shape::Table(DIALECTS)),
    may("reopen", Shape::Any),
    may("layout", Shape::OneOf(LAYOUTS)),
    may("quiet", Shape::Texts),
];

pub(super) const CONTROLLER: &[Field] = &[
    must("name", Shape::Text(LINE), "L09"),
    must("contact", Shape::Contact, "L09"),
    must("policy", Shape::Url, "L09"),
    may("imprint", Shape::Url),
    may("address", Shape::Text(LINE)),
    may("dpo", Shape::Text(LINE)),
    may("authority", Shape::Text(LINE)),
];

pub(super) const CATEGORY: &[Field] =
    &[may("title", Shape::Words), may("text", Shape::Words), may("services", Shape::Texts)];

pub(super) const SERVICE: &[Field] = &[
    must("name", Shape::Text(LINE), "missing"),
    must("provider", Shape::Text(LINE), "L08"),
    must("purpose", Shape::Purpose, "missing"),
    may("countries", Shape::Countries),
    may("safeguard", Shape::Text(LINE)),
    may("policy", Shape::Url),
    may("items", Shape::Rows(ITEM)),
    may("hosts", Shape::Hosts),
    may("signals", Shape::Table(SIGNALS)),
];

/// When a vendor's consent API is called: at every decision and on every later page, when the service becomes open and
/// on every later page, when consent is withdrawn (G5, G6).
pub(super) const SIGNALS: &[Field] =
    &[may("update", Shape::Calls), may("grant", Shape::Calls), may("revoke", Shape::Calls)];

/// What a ready-made service file has besides the keys of [`SERVICE`].
pub(super) const READY: &[Field] =
    &[must("category", Shape::Text(64), "missing"), must("source", Shape::Texts, "missing")];

pub(super) const ITEM: &[Field] = &[
    must("name", Shape::Text(LINE), "L08"),
    must("kind", Shape::OneOf(KINDS), "L08"),
    must("duration", Shape::Duration, "L08"),
    must("thirdParty", Shape::Flag, "L08"),
    may("purpose", Shape::Purpose),
];

/// `key`, `challenge` and `cookie` are for `www/more.ts`: receipts are checked with the first (R8).
pub(super) const RECORDS: &[Field] = &[
    must("endpoint", Shape::Endpoint, "L29"),
    may("key", Shape::Text(2000)),
    may("refusals", Shape::OneOf(REFUSALS)),
    may("require_ack", Shape::OneOf(REQUIRE_ACK)),
    may("challenge", Shape::Flag),
    may("cookie", Shape::Flag),
    may("retention", Shape::Period),
];

/// Why a key must be there, by code and key. Apart from the tables, so that a terse reader does not carry the words.
pub(super) const WHY: &[(&str, &str, &str)] = &[
    ("missing", "version", "a record must name the notice that was shown, e.g. by date"),
    ("L09", "controller", "visitors must know who asks (GDPR Art. 13)"),
    ("missing", "categories", "it holds the purposes that visitors decide about"),
    ("L09", "name", "visitors must know who asks (GDPR Art. 13)"),
    ("L09", "contact", "visitors must be able to exercise their rights (GDPR Art. 13)"),
    ("L09", "policy", "the banner must link to the privacy policy (GDPR Art. 13)"),
    ("missing", "name", "visitors must see what they agree to"),
    ("L08", "provider", "visitors must know who receives the data (CJEU Planet49)"),
    ("missing", "purpose", "consent is given for a purpose (GDPR Art. 6)"),
    ("missing", "category", "a ready-made service names its usual category"),
    ("missing", "source", "a ready-made service names where its facts come from"),
    ("L08", "name", "it must be listed and, on withdrawal, deleted by name"),
    ("L08", "kind", "what it is decides how it is deleted"),
    ("L08", "duration", "visitors must know how long it stays (CJEU Planet49)"),
    ("L08", "thirdParty", "visitors must know whether third parties can read it (CJEU Planet49)"),
    ("L29", "endpoint", "records need an address to go to"),
];

/// Every object with fixed keys, by where it is: for suggestions ("that key belongs in `controller`").
pub(super) const OBJECTS: &[(&str, &[Field])] = &[("", ROOT), ("controller.", CONTROLLER), ("records.", RECORDS)];

/// Our key, and what other consent managers (and habit) call it. Compared by [`super::suggest::plain`]; keys of inner
/// objects come first, so that `company` is the provider in a service and the controller's name elsewhere.
pub(super) const PEERS: &[(&str, &str)] = &[
    ("title", "label name heading"),
    ("text", "description desc summary"),
    ("name", "title label"),
    ("provider", "vendor company owner controller operator"),
    ("purpose", "description text desc"),
    ("items", "cookies storage trackers"),
    ("policy", "privacypolicy policyurl privacyurl url"),
    ("countries", "country locations transfers regions"),
    ("safeguard", "transfer transfermechanism"),
    ("kind", "type storagetype"),
    ("duration", "expires expiry expiration maxage lifetime retention"),
    ("thirdParty", "thirdparties shared external"),
    ("services", "cookies vendors"),
    ("controller.policy", "privacypolicy privacypolicyurl policyurl privacyurl privacylink privacy"),
    ("controller.imprint", "imprinturl impressum legalnotice legal imprintlink"),
    ("controller.name", "company companyname organisation organization"),
    ("controller.contact", "email mail contactemail"),
    ("controller", "controllers datacontroller owner"),
    ("version", "revision policyversion configversion"),
    ("locale", "language lang defaultlanguage defaultlang"),
    ("texts", "translations strings i18n messages wording"),
    ("categories", "purposes groups consenttypes cookietypes"),
    ("services", "vendors apps integrations providers"),
    ("records", "consentlog recording log"),
    ("records.key", "publickey vkey verifierkey logkey"),
    ("records.endpoint", "endpoint url backendurl recordurl server"),
    ("records.retention", "keep retentionperiod storageperiod"),
    ("validity", "expires expiry cookieexpiresafterdays expiresafterdays cookieexpiration maxage days lifetime"),
    ("site", "domain origin host scope"),
    ("jurisdiction", "country law region"),
    ("dnt", "donottrack respectdnt honourdnt"),
    ("gpc", "globalprivacycontrol respectgpc"),
    ("audit", "leaks leakdetection sample"),
    ("dialects", "migrate migration import importfrom"),
    ("reopen", "settingslink trigger floatingbutton revoke"),
    ("layout", "position bannerposition bannerlayout orientation bannertype form"),
    ("quiet", "excludedpaths excludepaths hideon ignorepaths disabledpages nobannerpages hiddenpaths"),
];

/// When a key that we don't have is not only unknown but unlawful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Whatever it says, except `false` and `null`.
    On,
    /// Only `false`.
    Off,
    /// Unless it says `consent`.
    NotConsent,
}

/// A key of another consent manager that asks for something unlawful: it gets its own sentence.
pub(super) struct Lint {
    pub(super) keys: &'static str,
    pub(super) when: When,
    pub(super) code: &'static str,
    /// Only in categories and services.
    pub(super) inner: bool,
    pub(super) why: &'static str,
}

const fn lint(inner: bool, when: When, code: &'static str, keys: &'static str, why: &'static str) -> Lint {
    Lint { keys, when, code, inner, why }
}

const OFF: &str = "a choice must start off; a pre-ticked box is no consent (CJEU Planet49)";
const REJECT: &str = "rejecting must be one click on the first layer, beside accepting";
const EXEMPT: &str = "only strictly necessary storage needs no consent; put it in functional or ask";

pub(super) const LINTS: &[Lint] = &[
    lint(
        true,
        When::On,
        "L01",
        "default defaultvalue defaulton checked preselected prechecked preticked enabled enabledbydefault granted initial selected active optout on",
        OFF,
    ),
    lint(false, When::On, "L01", "preselected prechecked preticked enabledbydefault defaultconsent optout", OFF),
    lint(false, When::On, "L02", "hidereject hiderejectall hiderejectbutton hidedecline hidedeclineall", REJECT),
    lint(
        false,
        When::Off,
        "L02",
        "reject rejectall rejectbutton showreject showrejectbutton decline showdecline denyall denyallcta",
        REJECT,
    ),
    lint(false, When::Off, "L03", "equalweightbuttons equalbuttons", "accept and reject must look alike"),
    lint(
        false,
        When::On,
        "L03",
        "acceptstyle rejectstyle acceptcolor rejectcolor rejectaslink highlightaccept",
        "accept and reject must look alike",
    ),
    lint(
        true,
        When::On,
        "L04",
        "exempt required mandatory readonly locked essential necessary strictlynecessary alwayson alwaysload",
        EXEMPT,
    ),
    lint(true, When::Off, "L04", "needconsent requiresconsent consent", EXEMPT),
    lint(
        false,
        When::NotConsent,
        "L05",
        "basis legalbasis lawfulbasis legitimateinterest",
        "storing on a device needs consent; legitimate interest or contract don't cover it (ePrivacy Art. 5(3))",
    ),
    lint(
        false,
        When::Off,
        "L10",
        "settingslink settingsbutton showicon revokable withdrawbutton",
        "withdrawing must stay possible on every page (GDPR Art. 7(3))",
    ),
    lint(
        false,
        When::On,
        "L12",
        "consenton consentonscroll acceptonscroll dismissonscroll acceptonclose acceptonclick acceptoncontinue acceptontimeout dismissontimeout dismissonwindowclick autoaccept autoacceptafter implied impliedconsent",
        "only a click on a choice is consent; scrolling, waiting or closing is not",
    ),
    lint(false, When::Off, "L12", "highprivacy", "only a click on a choice is consent; scrolling is not"),
    lint(
        false,
        When::On,
        "L13",
        "reprompt repromptafter repromptonreject askagain askagainafter everyvisit",
        "a refusal holds as long as a consent; asking again is the job of validity",
    ),
    lint(
        false,
        When::On,
        "L20",
        "wall cookiewall blockcontent blockpage mustconsent forceconsent disablepageinteraction",
        "the page must be usable without consent",
    ),
    lint(
        false,
        When::On,
        "L31",
        "script scripts inlinescript code html onaccept onreject ondecline oninit callback",
        "the configuration is data and never runs code; use gated tags or askfirst.on()",
    ),
    lint(
        false,
        When::On,
        "L36",
        "withdrawby withdrawemail withdrawurl withdrawal",
        "withdrawing must be as easy as accepting; it has its own control",
    ),
];
