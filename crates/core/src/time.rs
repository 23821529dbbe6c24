//! Calendar time without a clock: milliseconds since 1970-01-01T00:00Z, dates, and ISO 8601 periods.

use crate::json::push_int;
use crate::texts::room;
use alloc::string::String;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Milliseconds of a day.
pub const DAY: Millis = 86_400_000;

/// A calendar period such as `P6M` or `P1Y2M10D`, or a time of less than a day such as `PT30M`.
///
/// Months are calendar months (B14: a fixed 182 days can be less than six months).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Calendar months; years count twelve.
    pub months: u32,
    /// Days; weeks count seven.
    pub days: u32,
    /// Seconds of the part after `T`.
    pub seconds: u32,
}

impl Period {
    /// A period of whole calendar months.
    pub const fn months(months: u32) -> Self {
        Self { months, days: 0, seconds: 0 }
    }

    /// Reads ISO 8601: `P` years `Y` months `M` weeks `W` days `D`, then `T` hours `H` minutes `M` seconds `S`.
    /// Whole numbers only, at most 100 years.
    pub fn parse(text: &str) -> Option<Self> {
        // More than the bound of every field; what would be more stays there.
        const TOO_MUCH: u64 = 1 << 32;
        let [mut months, mut days, mut seconds] = [0u64; 3];
        let mut in_time = false;
        // The number being read with its digits, and the fields that were read.
        let (mut number, mut digits, mut fields) = (0, 0, 0);
        let mut bytes = text.bytes();
        if bytes.next() != Some(b'P') {
            return None;
        }
        for byte in bytes {
            if byte.is_ascii_digit() {
                number = (number * 10 + u64::from(byte - b'0')).min(TOO_MUCH);
                digits += 1;
                continue;
            }
            if byte == b'T' && !in_time && digits == 0 {
                in_time = true;
                fields = 0;
                continue;
            }
            let (slot, factor) = match (in_time, byte) {
                (false, b'Y') => (&mut months, 12),
                (false, b'M') => (&mut months, 1),
                (false, b'W') => (&mut days, 7),
                (false, b'D') => (&mut days, 1),
                (true, b'H') => (&mut seconds, 3600),
                (true, b'M') => (&mut seconds, 60),
                (true, b'S') => (&mut seconds, 1),
                _ => return None,
            };
            if digits == 0 {
                return None;
            }
            *slot = (*slot + number * factor).min(TOO_MUCH);
            (number, digits, fields) = (0, 0, fields + 1);
        }
        // Something after `P`, something after `T`, and no number without its unit.
        let bounded = months <= 1200 && days <= 36_525 && seconds <= 100 * 86_400;
        (fields > 0 && digits == 0 && bounded).then_some(Self {
            months: months as u32,
            days: days as u32,
            seconds: seconds as u32,
        })
    }

    /// The moment this long after `start`. A day that the month does not have becomes its last one.
    pub fn after(self, start: Millis) -> Millis {
        let days = start.div_euclid(DAY);
        let (year, month, day) = civil(days);
        let months = i64::from(month) - 1 + i64::from(self.months);
        let (year, month) = (year + months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
        let day = day.min(month_length(year, month));
        (days_of(year, month, day) + i64::from(self.days)) * DAY
            + start.rem_euclid(DAY)
            + i64::from(self.seconds) * 1000
    }

    /// Days this period has at most, for comparing two periods.
    pub const fn days_at_most(self) -> u32 {
        // Any n consecutive months have at most 31 n days, and twelve at most 366.
        let (years, months) = (self.months / 12, self.months % 12);
        years * 366 + months * 31 + self.days + self.seconds.div_ceil(86_400)
    }
}

/// RFC 3339 text in UTC with seconds, `2026-11-22T10:15:30Z`.
pub fn instant(at: Millis) -> String {
    let seconds = at.div_euclid(1000).rem_euclid(86_400);
    let mut out = date(at);
    for (mark, n) in [('T', seconds / 3600), (':', seconds / 60 % 60), (':', seconds % 60)] {
        out.push(mark);
        push_int(&mut out, n, 2);
    }
    out.push('Z');
    out
}

/// The UTC date, `2026-11-22`.
pub fn date(at: Millis) -> String {
    let (year, month, day) = civil(at.div_euclid(DAY));
    // For the time too, which may follow.
    let mut out = room(20);
    push_int(&mut out, year, 4);
    for n in [month, day] {
        out.push('-');
        push_int(&mut out, i64::from(n), 2);
    }
    out
}

/// Reads what [`instant`] or [`date`] writes (a date is its first moment).
pub fn parse(text: &str) -> Option<Millis> {
    const SHAPE: &[u8; 20] = b"0000-00-00T00:00:00Z";
    if text.len() != 10 && text.len() != SHAPE.len() {
        return None;
    }
    // Year, month, day, hour, minute, second.
    let (mut numbers, mut field) = ([0u32; 6], 0);
    for (byte, shape) in text.bytes().zip(SHAPE) {
        if *shape == b'0' {
            let number = numbers.get_mut(field).filter(|_| byte.is_ascii_digit())?;
            *number = *number * 10 + u32::from(byte - b'0');
        } else if byte == *shape {
            field += 1;
        } else {
            return None;
        }
    }
    let [year, month, day, hour, minute, second] = numbers;
    let year = i64::from(year);
    if !(1..=12).contains(&month)
        || day < 1
        || day > month_length(year, month)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    Some(days_of(year, month, day) * DAY + i64::from(hour * 3600 + minute * 60 + second) * 1000)
}

fn month_length(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a day number (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// The day number of a date (Howard Hinnant's `days_from_civil`).
fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let yoe = year.rem_euclid(400);
    let mp = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn six_months_are_calendar_months() {
        // B14: refused 2026-03-01, not asked on 2026-08-31, asked again from 2026-09-01.
        let refused = parse("2026-03-01").unwrap();
        assert_eq!(date(Period::months(6).after(refused)), "2026-09-01");
        assert_eq!(date(Period::months(6).after(parse("2026-08-31").unwrap())), "2027-02-28");
        assert_eq!(date(Period::months(12).after(parse("2028-02-29").unwrap())), "2029-02-28");
    }

    #[test]
    fn periods_read_iso_8601() {
        assert_eq!(Period::parse("P1Y2M10D"), Some(Period { months: 14, days: 10, seconds: 0 }));
        assert_eq!(Period::parse("P2W"), Some(Period { months: 0, days: 14, seconds: 0 }));
        assert_eq!(Period::parse("PT30M"), Some(Period { months: 0, days: 0, seconds: 1800 }));
        for wrong in ["", "P", "PT", "6M", "P6", "P1.5M", "P-1M", "P1M ", "P1H", "PT1D", "P99999999999Y"] {
            assert_eq!(Period::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        assert_eq!(instant(1_795_342_530_000), "2026-11-22T10:15:30Z");
        assert_eq!(parse("2026-11-22T10:15:30Z"), Some(1_795_342_530_000));
        for wrong in [
            "2026-02-29",
            "2026-13-01",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:15:30",
            "+026-11-22",
            "2026-11-22 10:15:30Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn instants_come_back(seconds in -2_000_000_000i64..100_000_000_000) {
            prop_assert_eq!(parse(&instant(seconds * 1000)), Some(seconds * 1000));
        }

        #[test]
        fn a_period_never_ends_before_it_starts(start in 0i64..4_000_000_000_000, months in 0u32..1200, days in 0u32..400) {
            let period = Period { months, days, seconds: 0 };
            let end = period.after(start);
            prop_assert!(end >= start);
            prop_assert!(end - start <= i64::from(period.days_at_most()) * DAY);
        }
    }
}
