//! Beginning a boot epoch: the lock says that every worker of an earlier one is gone.

use sqlx::Connection as _;

use crate::cuts::Cuts;
use crate::sqlite::{BEGIN, Connection};
use crate::text::Columns as _;
use crate::{Position, StoreError};

/// Where a freshly opened store stands.
pub(crate) struct Boot {
    /// Counts the openings of the database.
    pub(crate) epoch: i64,
    /// The last position.
    pub(crate) head: Position,
    /// Up to where the log is not whole.
    pub(crate) cuts: Cuts,
}

/// Counts the opening and voids the leases of all earlier ones: their work is claimable at once.
pub(crate) async fn begin_epoch(connection: &mut Connection) -> Result<Boot, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let epoch: i64 = sqlx::query_scalar("update meta set value = value + 1 where name = 'epoch' returning value")
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query("update work set owner = null, lease_until = null, epoch = null where epoch < $1")
        .bind(epoch)
        .execute(&mut *transaction)
        .await?;
    let head: i64 =
        sqlx::query_scalar("select position from counter where id = 1").fetch_one(&mut *transaction).await?;
    let cuts = Cuts::default();
    for row in sqlx::query("select id, cut from projects where cut > 0").fetch_all(&mut *transaction).await? {
        cuts.raise(row.parsed("id")?, row.number("cut")?);
    }
    transaction.commit().await?;
    Ok(Boot { epoch, head: Position::new(head), cuts })
}
