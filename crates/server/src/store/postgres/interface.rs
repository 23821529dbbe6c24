//! Which browser files a site's pages get, in its log (R4).

use askfirst_core::time::Millis;

use super::Postgres;
use super::append::{Append, Turn};
use super::failure::{Done, Failure, Retry};
use super::shared::Shared;
use super::sql::query;
use super::upkeep::{add_site, change};
use crate::store::StoreError;
use crate::store::interface::{Interface, LOOK_BACK};

/// Says in a site's log which browser files its pages get, where it does not say so already.
async fn name_interface(append: &mut Append<'_>, origin: &str, interface: &Interface, now: Millis) -> Done<()> {
    let sql = "SELECT site FROM askfirst.site WHERE origin = $1";
    let rows = query(&append.transaction, sql, &[&origin]).await?;
    let site: i64 = rows.first().ok_or_else(|| Failure::damaged("a site has no number"))?.try_get(0)?;
    let sql = "SELECT e.bytes FROM askfirst.log AS l JOIN askfirst.log_entry AS e ON e.log = l.log
               WHERE l.site = $1 AND l.closed_at IS NULL AND e.idx >= l.size - $2 ORDER BY e.idx DESC";
    let newest = query(&append.transaction, sql, &[&site, &LOOK_BACK]).await?;
    let newest = newest.iter().map(|row| Ok(row.try_get(0)?)).collect::<Done<Vec<Vec<u8>>>>()?;
    if interface.is_news(newest.iter().map(Vec::as_slice)) {
        append.append((site, origin), &interface.entry(now), now).await?;
    }
    Ok(())
}

async fn add(shared: &Shared, origin: &str, interface: &Interface, now: Millis) -> Done<()> {
    add_site(shared, origin).await?;
    change!(shared, |append| name_interface(&mut append, origin, interface, now).await?)
}

impl Postgres {
    /// Says in the log of each site which browser files its pages get, where it does not say so already.
    pub async fn name_interface(&self, interface: Interface) -> Result<(), StoreError> {
        self.shared.require_thawed()?;
        for origin in &interface.sites {
            self.shared.answer(add(&self.shared, origin, &interface, self.now()).await)?;
        }
        Ok(())
    }
}
