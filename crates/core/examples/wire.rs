//! Prints the names shared with TypeScript; `cargo xtask gen` keeps them in `www/generated/wire.ts`.

fn main() {
    print!("{}", askfirst_core::wire::typescript());
}
