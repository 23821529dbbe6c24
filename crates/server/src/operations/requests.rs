//! Requests of data subjects and when they must be answered (GDPR Art. 12(3), S4). They stay as long as the owner keeps
//! them: that a request was answered in time has to be shown, too (GDPR Art. 5(2)).

use askfirst_core::json::{Value, map};
use askfirst_core::time::{self, DAY, Millis, Period};

use super::sql::Row;
use super::{Connection, Error};

/// Art. 12(3): one month, and two more where that is necessary.
const MONTH: Period = Period::months(1);
const EXTENDED: Period = Period::months(3);

/// What the person asks for, by the article of the GDPR.
pub const KINDS: [(&str, &str); 6] = [
    ("access", "Art. 15"),
    ("rectification", "Art. 16"),
    ("erasure", "Art. 17"),
    ("restriction", "Art. 18"),
    ("portability", "Art. 20"),
    ("objection", "Art. 21"),
];

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub number: i64,
    pub kind: String,
    pub record_id: Option<String>,
    pub subject: Option<String>,
    pub received_at: Millis,
    /// When the person was told that it takes longer, and why.
    pub extension: Option<(Millis, String)>,
    /// When it was answered, with what, and why so.
    pub answer: Option<(Millis, String, String)>,
}

/// How it stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    /// Its last day has passed.
    Overdue,
    Closed,
    /// It was answered after its last day.
    ClosedLate,
}

/// The last day on which an answer is in time, by the calendar: a day that the month does not have becomes its last one. A
/// last day on a weekend is not moved, which the law would allow (Regulation 1182/71 Art. 3(4)): earlier is always in time.
pub fn last_day(received_at: Millis, extended: bool) -> Millis {
    let day = received_at.div_euclid(DAY) * DAY;
    if extended { EXTENDED.after(day) } else { MONTH.after(day) }
}

impl Request {
    pub fn last_day(&self) -> Millis {
        last_day(self.received_at, self.extension.is_some())
    }

    pub fn standing(&self, now: Millis) -> Standing {
        let in_time = |at: Millis| at < self.last_day() + DAY;
        match &self.answer {
            Some((at, ..)) if in_time(*at) => Standing::Closed,
            Some(_) => Standing::ClosedLate,
            None if in_time(now) => Standing::Open,
            None => Standing::Overdue,
        }
    }

    pub fn to_value(&self, now: Millis) -> Value {
        let date = |at: Option<Millis>| Value::from(at.map(time::date).as_deref());
        let extension = self.extension.as_ref();
        let answer = self.answer.as_ref();
        map([
            ("number", self.number.into()),
            ("kind", self.kind.as_str().into()),
            ("record_id", self.record_id.as_deref().into()),
            ("subject", self.subject.as_deref().into()),
            ("received", time::date(self.received_at).into()),
            ("last_day", time::date(self.last_day()).into()),
            ("standing", self.standing(now).name().into()),
            ("extended", date(extension.map(|(at, _)| *at))),
            ("extension", extension.map(|(_, why)| why.as_str()).into()),
            ("closed", date(answer.map(|(at, ..)| *at))),
            ("outcome", answer.map(|(_, outcome, _)| outcome.as_str()).into()),
            ("reason", answer.map(|(.., reason)| reason.as_str()).into()),
        ])
    }

    /// Reads the columns in the order of the table.
    fn of(row: &Row<'_>) -> Result<Self, Error> {
        let extended: Option<Millis> = row.get(5)?;
        let closed: Option<Millis> = row.get(7)?;
        let text = |column: usize| row.get::<Option<String>>(column).map(Option::unwrap_or_default);
        Ok(Self {
            number: row.get(0)?,
            kind: row.get(1)?,
            record_id: row.get(2)?,
            subject: row.get(3)?,
            received_at: row.get(4)?,
            extension: extended.map(|at| Ok::<_, Error>((at, text(6)?))).transpose()?,
            answer: closed.map(|at| Ok::<_, Error>((at, text(8)?, text(9)?))).transpose()?,
        })
    }
}

impl Standing {
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Closed => "closed",
            Self::ClosedLate => "closed late",
        }
    }
}

/// Notes a request; its number.
pub fn open(
    connection: &Connection<'_>,
    kind: &str,
    (record_id, subject): (Option<&str>, Option<&str>),
    received_at: Millis,
) -> Result<i64, Error> {
    // A person says it on the telephone: the next small number. Two at once can't have the same.
    let sql = "INSERT INTO request (number, kind, record_id, subject, received_at)
               VALUES ((SELECT coalesce(max(number), 0) + 1 FROM request), ?1, ?2, ?3, ?4) RETURNING number";
    Ok(connection.first(sql, &[&kind, &record_id, &subject, &received_at], |row| row.get(0))?.unwrap_or_default())
}

/// The request with this number.
pub fn one(connection: &Connection<'_>, number: i64) -> Result<Option<Request>, Error> {
    connection.first("SELECT * FROM request WHERE number = ?1", &[&number], Request::of)
}

/// Those that are open, or all, the most urgent first.
pub fn list(connection: &Connection<'_>, all: bool) -> Result<Vec<Request>, Error> {
    let mut found = connection.query("SELECT * FROM request ORDER BY number", &[], Request::of)?;
    found.retain(|request| all || request.answer.is_none());
    found.sort_by_key(|request| (request.answer.is_some(), request.last_day(), request.number));
    Ok(found)
}

/// Notes that the person was told that it takes up to two months more, and why.
pub fn extend(connection: &Connection<'_>, number: i64, reason: &str, now: Millis) -> Result<(), Error> {
    let change = "UPDATE request SET extended_at = ?2, extension = ?3 WHERE number = ?1";
    connection.execute(change, &[&number, &now, &reason]).map(drop)
}

/// Notes the answer.
pub fn close(
    connection: &Connection<'_>,
    number: i64,
    (outcome, reason): (&str, &str),
    now: Millis,
) -> Result<(), Error> {
    let change = "UPDATE request SET closed_at = ?2, outcome = ?3, reason = ?4 WHERE number = ?1";
    connection.execute(change, &[&number, &now, &outcome, &reason]).map(drop)
}

/// Forgets which subject a request is about: after an erasure the pseudonym is nowhere.
pub fn forget_subject(connection: &Connection<'_>, number: i64) -> Result<(), Error> {
    connection.execute("UPDATE request SET subject = NULL WHERE number = ?1", &[&number]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Operations;

    fn day(text: &str) -> Millis {
        time::parse(text).unwrap()
    }

    #[test]
    fn a_month_is_one_of_the_calendar_and_ends_with_a_shorter_one() {
        for (received, month, extended) in [
            ("2026-01-15", "2026-02-15", "2026-04-15"),
            ("2026-01-31", "2026-02-28", "2026-04-30"),
            ("2028-01-31", "2028-02-29", "2028-04-30"),
            ("2026-03-31", "2026-04-30", "2026-06-30"),
            ("2026-02-28", "2026-03-28", "2026-05-28"),
            ("2026-11-30", "2026-12-30", "2027-02-28"),
            ("2026-12-31", "2027-01-31", "2027-03-31"),
        ] {
            let last = |extended| time::date(last_day(day(received) + DAY - 1, extended));
            assert_eq!((last(false).as_str(), last(true).as_str()), (month, extended), "received {received}");
        }
    }

    #[test]
    fn the_last_day_counts_whole_and_the_day_after_is_too_late() {
        let mut request = Request {
            number: 1,
            kind: "access".into(),
            record_id: None,
            subject: None,
            received_at: day("2026-01-31") + 1000,
            extension: None,
            answer: None,
        };
        assert_eq!(request.standing(day("2026-02-28") + DAY - 1), Standing::Open);
        assert_eq!(request.standing(day("2026-03-01")), Standing::Overdue);
        request.extension = Some((day("2026-02-28"), "many at once".into()));
        assert_eq!(request.standing(day("2026-04-30") + DAY - 1), Standing::Open);
        assert_eq!(request.standing(day("2026-05-01")), Standing::Overdue);
        request.answer = Some((day("2026-04-30"), "granted".into(), String::new()));
        assert_eq!(request.standing(day("2030-01-01")), Standing::Closed);
        request.answer = Some((day("2026-05-01"), "granted".into(), String::new()));
        assert_eq!(request.standing(day("2026-05-02")), Standing::ClosedLate);
    }

    #[test]
    fn the_most_urgent_comes_first_and_what_is_answered_last() {
        let folder = tempfile::tempdir().unwrap();
        let operations = Operations::open(&folder.path().join("operations")).unwrap();
        operations
            .run(|connection| {
                most_urgent(connection);
                Ok(())
            })
            .unwrap();
    }

    fn most_urgent(connection: &Connection<'_>) {
        let received = ["2026-03-10", "2026-01-31", "2026-02-01", "2026-01-01"];
        for at in received {
            open(connection, "access", (None, None), day(at)).unwrap();
        }
        extend(connection, 2, "many at once", day("2026-02-02")).unwrap();
        close(connection, 4, ("granted", ""), day("2026-01-02")).unwrap();
        let numbers = |all| list(connection, all).unwrap().iter().map(|request| request.number).collect::<Vec<_>>();
        assert_eq!(numbers(true), [3, 1, 2, 4]);
        assert_eq!(numbers(false), [3, 1, 2]);
        assert_eq!(one(connection, 2).unwrap().unwrap().extension, Some((day("2026-02-02"), "many at once".into())));
        assert_eq!(one(connection, 5).unwrap(), None);
    }
}
