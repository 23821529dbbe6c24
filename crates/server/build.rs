//! The embedded words and services follow their folders, new files included.

fn main() {
    println!("cargo::rerun-if-changed=../../www/locales");
    println!("cargo::rerun-if-changed=../../www/services");
}
