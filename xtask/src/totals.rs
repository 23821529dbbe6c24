//! Reads how many tests passed and failed from what the runners print.

use std::ops::AddAssign;

#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals {
    pub passed: u64,
    pub failed: u64,
}

impl Totals {
    /// Adds a runner's summary line; any other line changes nothing.
    ///
    /// cargo and wasm-bindgen-test: `test result: ok. 3 passed; 0 failed; …`; node: `ℹ pass 3` (or `# pass 3`);
    /// Playwright: `  3 passed (2.1s)`, `  1 failed`, `  1 flaky`.
    pub fn read(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        if let Some(summary) = line.strip_prefix("test result: ") {
            let numbers = summary.split_once(". ").map_or("", |(_, numbers)| numbers);
            for part in numbers.split("; ") {
                self.count(part);
            }
        } else if let Some(summary) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
            match summary.split_once(' ') {
                Some(("pass", number)) => self.passed += number.parse().unwrap_or(0),
                Some(("fail" | "cancelled", number)) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        } else {
            self.count(line.split_once(" (").map_or(line, |(summary, _)| summary));
        }
    }

    fn count(&mut self, part: &str) {
        let Some((number, word)) = part.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse::<u64>() else {
            return;
        };
        match word {
            "passed" => self.passed += number,
            // A test that passes only on the second try is a defect of the test or of the product.
            "failed" | "flaky" | "interrupted" => self.failed += number,
            _ => {}
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for skipped in characters.by_ref() {
                if skipped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::Totals;

    fn read(lines: &[&str]) -> Totals {
        let mut totals = Totals::default();
        for line in lines {
            totals.read(line);
        }
        totals
    }

    #[test]
    fn cargo_summaries_add_up() {
        let totals = read(&[
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ]);
        assert_eq!(totals, Totals { passed: 5, failed: 1 });
    }

    #[test]
    fn coloured_verdicts_are_read_too() {
        let totals = read(&["test result: \u{1b}[32mok\u{1b}[m. 4 passed; 0 failed; 0 ignored"]);
        assert_eq!(totals, Totals { passed: 4, failed: 0 });
    }

    #[test]
    fn node_summaries_count_cancelled_tests_as_failed() {
        let totals = read(&["ℹ tests 9", "ℹ pass 7", "ℹ fail 1", "ℹ cancelled 1", "ℹ skipped 0"]);
        assert_eq!(totals, Totals { passed: 7, failed: 2 });
    }

    #[test]
    fn playwright_counts_a_flaky_test_as_failed() {
        let totals = read(&["  1 flaky", "    tests/e2e/gate.spec.ts:3:1 › x", "  2 skipped", "  12 passed (4.3s)"]);
        assert_eq!(totals, Totals { passed: 12, failed: 1 });
    }

    #[test]
    fn other_output_changes_nothing() {
        assert_eq!(read(&["it passed", "3 passed out", "# comment", "7"]), Totals::default());
    }
}
