//! A page for a lawyer: one HTML file that asks for nothing, says in sentences what is in a pack, draws the notice again, and
//! carries the pack itself, so that `askfirst verify` and `/askfirst/verify/` check this very file. What the page says in
//! sentences is a reading aid; what counts is the pack in it and a key from elsewhere.

use super::{Outcome, Pack, Part, Report, WHOLE};
use crate::json::Value;
use crate::view::drawn;
use crate::view::html::escape;
use alloc::format;
use alloc::string::{String, ToString};

/// Where the pack stands in the page.
const OPENING: &str = "<script type=\"application/json\" id=\"evidence\">";
const CLOSING: &str = "</script>";

/// No script, no request, whatever is in the file.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n";

const STYLE: &str = "body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:1rem/1.6 Georgia,serif;color:#1d2126;background:#fff}\
    h1,h2,h3{line-height:1.3}h2{margin-top:2.5rem;border-top:1px solid #ccc;padding-top:1rem}\
    code{overflow-wrap:anywhere}ul{padding-left:1.2rem}li{margin:.3rem 0}.said{white-space:pre-wrap}\
    .fails{color:#9c1b1b;font-weight:bold}figure{margin:1rem 0}figcaption{margin-bottom:.4rem;color:#545b65}\
    .stage{position:relative;transform:translate(0);overflow:hidden;border:1px dashed #999;background:#f3f4f6}\
    .first{height:36rem}@media print{.stage{break-inside:avoid}}";

/// Only for this page: the whole dialog at once instead of a box that scrolls.
const UNROLLED: &str = ":host{color-scheme:light}.dialog{position:static;max-block-size:none!important;max-inline-size:none;overflow:visible}\
    .body{overflow:visible!important;max-block-size:none!important}.reopen button{position:static}";

/// Makes the page. `css` is the style sheet of the interface; `drawn_by` names the program that draws.
pub fn page(pack: &Pack, report: &Report, css: &str, drawn_by: &str) -> String {
    let value = pack.to_value();
    let manifest = value.get("notice").get("manifest");
    let mut out = HEAD.to_string();
    let mut put = |parts: &[&str]| parts.iter().for_each(|part| out.push_str(part));
    put(&["<title>", &safe(&report.title), "</title>\n<style>", STYLE, "</style>\n"]);
    put(&["<h1>Evidence of consent</h1>\n<p>", &safe(&report.title), "</p>\n"]);
    put(&[
        "<p>This page is a reading aid. What counts is the evidence pack that it carries: save the page as a file and give ",
        "it to <code>askfirst verify --key KEY FILE</code> or drop it on the page <code>/askfirst/verify/</code> of any ",
        "Askfirst server, with the log's public key from the operator's website or an earlier file, not from this one.</p>\n",
    ]);
    if let Some(problem) = report.problem() {
        put(&["<p class=\"fails\">This does NOT hold: ", &safe(problem), "</p>\n"]);
    }
    // What a false file says of itself would only mislead.
    let told = report.outcome() != Outcome::Fails;
    let (said, shown): (&[String], &[Part]) = if told { (&report.said, &report.shown) } else { (&[], &[]) };
    put(&["<h2>What the visitor answered</h2>\n<ul>"]);
    said.iter().for_each(|line| put(&["<li class=\"said\">", &safe(line), "</li>"]));
    put(&["</ul>\n<h2>What was checked when this page was written</h2>\n<ul>"]);
    for step in &report.steps {
        put(&["<li>", step.mark.word(), ": ", &safe(&step.text), "</li>"]);
    }
    put(&["</ul>\n<h2>What was shown</h2>\n"]);
    let (drawn_by, ui) = (safe(drawn_by), safe(value.get("record").get("notice").get("ui").text().unwrap_or("")));
    put(&[
        "<p>Drawn again from the notice in the pack by ",
        &drawn_by,
        ". The interface that the visitor had has the ",
        "fingerprint <code>",
        &ui,
        "</code>; its colours may have been the site's own. Buttons here do nothing. ",
        WHOLE,
        "</p>\n",
    ]);
    for (name, tree) in manifest.get("shown").entries().iter().filter(|_| told) {
        let class = if name == "banner" || name == "change" { "stage first" } else { "stage" };
        put(&["<figure><figcaption>", what(name), "</figcaption><div class=\"", class, "\">"]);
        put(&[&shadow(tree, manifest, css, UNROLLED), "</div></figure>\n"]);
    }
    put(&["<h2>Every word of it</h2>\n"]);
    for part in shown {
        put(&["<h3>", what(&part.name), "</h3>\n<ul>"]);
        part.lines.iter().for_each(|line| put(&["<li>", &safe(line), "</li>"]));
        put(&["</ul>\n"]);
    }
    put(&[
        "<h2>What this does not show</h2>\n<ul><li>Who it was: the record belongs to a browser.</li>",
        "<li>That the operator did not keep a second log: compare with a state of the log that somebody else has kept.</li>",
        "<li>That it still counts: a withdrawal, a later answer or a word that the notice was faulty may have come since.</li>",
        "<li>That the consent is valid in law: that is a judgement on what is shown above.</li></ul>\n",
    ]);
    put(&["<h2>The keys that the file names</h2>\n<ul>"]);
    pack.keys.iter().for_each(|key| put(&["<li><code>", &safe(key), "</code></li>"]));
    // Inside a script element only `<` could end it.
    put(&["</ul>\n", OPENING, &value.canonical().replace('<', "\\u003c"), CLOSING, "\n"]);
    out
}

/// One part of a notice alone, as a page of the browser's whole window: for a picture of it.
pub fn screen(notice: &Value, part: &str, css: &str) -> Option<String> {
    let tree = notice.get("shown").at(part)?;
    Some(format!(
        "{HEAD}<style>body{{margin:0;background:#f3f4f6}}</style>{}",
        shadow(tree, notice, css, ":host{color-scheme:light}")
    ))
}

/// The pack in a page of ours; nothing when the text is no such page.
pub(super) fn inside(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix("<!DOCTYPE html>")?.split_once(OPENING)?.1;
    rest.split_once(CLOSING).map(|(pack, _)| pack)
}

/// The interface as the page draws it: in a shadow root with its style sheet.
fn shadow(tree: &Value, notice: &Value, css: &str, more: &str) -> String {
    let lang = safe(notice.get("lang").text().unwrap_or(""));
    let rtl = crate::wire::RTL.contains(&lang.as_str());
    let dir = if rtl { "rtl" } else { "ltr" };
    let drawn = drawn(tree);
    format!(
        "<div lang=\"{lang}\" dir=\"{dir}\"><template shadowrootmode=\"open\"><style>{css}{more}</style>{drawn}</template></div>"
    )
}

fn what(part: &str) -> &str {
    match part {
        "banner" => "The first layer",
        "change" => "The first layer after a change",
        "dialog" => "The preferences",
        "reopen" => "The control that opens them again",
        _ => "Another part",
    }
}

fn safe(text: &str) -> String {
    let mut out = String::new();
    escape(text, &mut out);
    out
}
