//! Test dialogues in Postgres.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Bytea, Date, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, Failure, TurnId, UserId, WorkspaceId,
    db::{Keep as _, Tx, constraint_name},
    jobs::{self, Job, RunAt},
};
use neipix_proto::assistants::v1::{SilenceReason, SimulatedTurn, SimulationRecord, Usage};
use prost::Message as _;
use uuid::Uuid;

use super::{LOOK_AFTER, SimulationError, State, TURNS_MAX, texts};
use crate::assistants::rpc::stamp;

/// Whose dialogue.
#[derive(Debug, Clone, Copy)]
pub struct Whose {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The assistant.
    pub assistant: AssistantId,
    /// The person.
    pub member: UserId,
}

/// A turn as it lies in the table.
#[derive(Debug, Clone, QueryableByName)]
pub struct TurnRow {
    /// The turn.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    /// Its assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    /// Place in the dialogue, from 1.
    #[diesel(sql_type = Integer)]
    pub number: i32,
    /// 0 = the draft.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    reason: i32,
    /// What was asked.
    #[diesel(sql_type = Text)]
    pub question: String,
    /// What was said.
    #[diesel(sql_type = Text)]
    pub answer: String,
    /// By the product, in a stop word's place.
    #[diesel(sql_type = Bool)]
    pub fixed_reply: bool,
    #[diesel(sql_type = Nullable<Bytea>)]
    record: Option<Vec<u8>>,
    /// `nobody`, `allowance` or `wallet`.
    #[diesel(sql_type = Text)]
    pub payer: String,
    #[diesel(sql_type = Nullable<Date>)]
    allowance_day: Option<NaiveDate>,
    /// Reserved of the allowance.
    #[diesel(sql_type = BigInt)]
    pub reserved_micro_pix: i64,
    /// What it cost.
    #[diesel(sql_type = BigInt)]
    pub cost_micro_pix: i64,
    /// What the allowance paid.
    #[diesel(sql_type = BigInt)]
    pub allowance_micro_pix: i64,
    /// What was reserved is paid or given back.
    #[diesel(sql_type = Bool)]
    pub closed: bool,
    /// When it was asked.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "id, assistant_id, number, version, state, reason, question, answer, fixed_reply, record, payer, \
    allowance_day, reserved_micro_pix, cost_micro_pix, allowance_micro_pix, closed, created_at, ended_at";

impl TurnRow {
    /// How far it got.
    #[must_use]
    pub fn state(&self) -> State {
        State::parse(&self.state)
    }

    /// Why nothing, or not all, was said.
    #[must_use]
    pub fn reason(&self) -> SilenceReason {
        SilenceReason::try_from(self.reason).unwrap_or(SilenceReason::Internal)
    }

    /// What was kept for its explanation; none where its process died.
    ///
    /// # Errors
    /// INTERNAL where the column holds something else.
    pub fn record(&self) -> Result<Option<SimulationRecord>, Failure> {
        self.record.as_deref().map(SimulationRecord::decode).transpose().map_err(Failure::internal)
    }

    /// As its person sees it.
    ///
    /// # Errors
    /// INTERNAL where its record cannot be read.
    pub fn to_wire(&self) -> Result<SimulatedTurn, Failure> {
        let (reason_ru, reason_en) = texts(self.reason());
        let record = self.record()?.unwrap_or_default();
        Ok(SimulatedTurn {
            id: self.id.to_string(),
            number: self.number,
            version: self.version,
            state: self.state().to_wire().into(),
            reason: self.reason,
            reason_ru: reason_ru.to_owned(),
            reason_en: reason_en.to_owned(),
            question: self.question.clone(),
            answer: self.answer.clone(),
            fixed_reply: self.fixed_reply,
            usage: Some(usage_of(&record)),
            citations: record.citations,
            cost_micro_pix: self.cost_micro_pix,
            allowance_micro_pix: self.allowance_micro_pix,
            create_time: Some(stamp(self.created_at)),
            end_time: self.ended_at.map(stamp),
        })
    }
}

/// Tokens of the charged tries.
#[must_use]
pub fn usage_of(record: &SimulationRecord) -> Usage {
    let charged = record.attempts.iter().filter(|a| a.charged).filter_map(|a| a.usage);
    charged.fold(Usage::default(), |sum, one| Usage {
        input_tokens: sum.input_tokens + one.input_tokens,
        cached_input_tokens: sum.cached_input_tokens + one.cached_input_tokens,
        cache_write_tokens: sum.cache_write_tokens + one.cache_write_tokens,
        output_tokens: sum.output_tokens + one.output_tokens,
        estimated: sum.estimated || one.estimated,
    })
}

/// A question.
#[derive(Debug)]
pub struct NewTurn<'a> {
    /// The turn.
    pub id: TurnId,
    /// The caller's id of it.
    pub request: Uuid,
    /// 0 = the draft.
    pub version: i32,
    /// What is asked.
    pub question: &'a str,
}

fn job_key(id: TurnId) -> String {
    format!("simulation:{id}")
}

/// The turns of a dialogue, oldest first.
///
/// # Errors
/// Storage.
pub async fn dialogue(tx: &mut Tx, whose: Whose) -> Result<Vec<TurnRow>, Failure> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM simulated_turn WHERE workspace_id = $1 AND assistant_id = $2 AND member_id = $3 \
         AND reset_at IS NULL ORDER BY number"
    ))
    .bind::<SqlUuid, _>(whose.workspace)
    .bind::<SqlUuid, _>(whose.assistant)
    .bind::<SqlUuid, _>(whose.member)
    .kept()
    .load(tx)
    .await?)
}

/// The turn of a question that was asked before.
///
/// # Errors
/// Storage.
pub async fn asked_before(tx: &mut Tx, whose: Whose, request: Uuid) -> Result<Option<TurnRow>, Failure> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM simulated_turn WHERE workspace_id = $1 AND assistant_id = $2 AND member_id = $3 \
         AND request_id = $4"
    ))
    .bind::<SqlUuid, _>(whose.workspace)
    .bind::<SqlUuid, _>(whose.assistant)
    .bind::<SqlUuid, _>(whose.member)
    .bind::<SqlUuid, _>(request)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// A turn of that person.
///
/// # Errors
/// Storage.
pub async fn own(tx: &mut Tx, whose: Whose, id: TurnId) -> Result<Option<TurnRow>, Failure> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM simulated_turn WHERE workspace_id = $1 AND id = $4 AND assistant_id = $2 AND member_id = $3"
    ))
    .bind::<SqlUuid, _>(whose.workspace)
    .bind::<SqlUuid, _>(whose.assistant)
    .bind::<SqlUuid, _>(whose.member)
    .bind::<SqlUuid, _>(id)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// A turn, whosever it is.
///
/// # Errors
/// Storage.
pub async fn find(tx: &mut Tx, ws: WorkspaceId, id: TurnId) -> Result<Option<TurnRow>, Failure> {
    Ok(sql_query(format!("SELECT {COLUMNS} FROM simulated_turn WHERE workspace_id = $1 AND id = $2"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

/// Adds a turn behind the others, with the job that looks after it.
///
/// # Errors
/// SIMULATION_FULL, SIMULATION_BUSY; storage.
pub async fn open(tx: &mut Tx, whose: Whose, before: &[TurnRow], new: &NewTurn<'_>) -> Result<TurnRow, Failure> {
    if before.iter().any(|turn| turn.state() == State::Running) {
        return Err(SimulationError::Busy.into());
    }
    let number = before.last().map_or(1, |last| last.number + 1);
    if number > TURNS_MAX {
        return Err(SimulationError::Full.into());
    }
    let row = sql_query(format!(
        "INSERT INTO simulated_turn (workspace_id, assistant_id, member_id, id, request_id, number, version, question) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {COLUMNS}"
    ))
    .bind::<SqlUuid, _>(whose.workspace)
    .bind::<SqlUuid, _>(whose.assistant)
    .bind::<SqlUuid, _>(whose.member)
    .bind::<SqlUuid, _>(new.id)
    .bind::<SqlUuid, _>(new.request)
    .bind::<Integer, _>(number)
    .bind::<Integer, _>(new.version)
    .bind::<Text, _>(new.question)
    .kept()
    .get_result(tx)
    .await
    .map_err(|error| match constraint_name(&error) {
        // Two questions at once, of which the other came first.
        Some("simulated_turn_running_uq" | "simulated_turn_request_uq") => SimulationError::Busy.into(),
        _ => Failure::from(error),
    })?;
    let payload = serde_json::json!({ "turn_id": new.id });
    let job = Job {
        workspace: whose.workspace,
        kind: "simulation.close",
        key: job_key(new.id),
        payload,
        run_at: RunAt::In(LOOK_AFTER),
    };
    jobs::enqueue(tx, job).await?;
    Ok(row)
}

/// Reserves part of today's allowance for a turn that runs. False where there is not so much left.
///
/// # Errors
/// UNAVAILABLE where the turn does not run any more; storage.
pub async fn reserve(tx: &mut Tx, ws: WorkspaceId, id: TurnId, amount: i64, daily: i64) -> Result<bool, Failure> {
    #[derive(QueryableByName)]
    struct Day {
        #[diesel(sql_type = Date)]
        day: NaiveDate,
    }
    let day: Option<Day> = sql_query(
        "INSERT INTO simulation_day (workspace_id, day, taken_micro_pix) \
         SELECT $1, (clock_timestamp() AT TIME ZONE 'UTC')::date, $2 WHERE $2 <= $3 \
         ON CONFLICT (workspace_id, day) DO UPDATE SET taken_micro_pix = simulation_day.taken_micro_pix + $2 \
         WHERE simulation_day.taken_micro_pix + $2 <= $3 RETURNING day",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<BigInt, _>(amount)
    .bind::<BigInt, _>(daily)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    let Some(Day { day }) = day else { return Ok(false) };
    let noted = sql_query(
        "UPDATE simulated_turn SET payer = 'allowance', allowance_day = $3, reserved_micro_pix = $4 \
         WHERE workspace_id = $1 AND id = $2 AND state = 'running' AND payer = 'nobody'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Date, _>(day)
    .bind::<BigInt, _>(amount)
    .kept()
    .execute(tx)
    .await?;
    if noted == 1 { Ok(true) } else { Err(gone()) }
}

/// Notes, before svc-billing is asked, that it will hold money for a turn: who closes the turn then releases it.
///
/// # Errors
/// UNAVAILABLE where the turn does not run any more; storage.
pub async fn will_hold(tx: &mut Tx, ws: WorkspaceId, id: TurnId) -> Result<(), Failure> {
    let noted = sql_query(
        "UPDATE simulated_turn SET payer = 'wallet' WHERE workspace_id = $1 AND id = $2 AND state = 'running' \
         AND payer = 'nobody'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .execute(tx)
    .await?;
    if noted == 1 { Ok(()) } else { Err(gone()) }
}

fn gone() -> Failure {
    Failure::unavailable("this turn of the test dialogue has ended by now")
}

/// How a turn ends.
#[derive(Debug)]
pub struct Ending<'a> {
    /// Not `Running`.
    pub state: State,
    /// Why nothing, or not all, was said.
    pub reason: SilenceReason,
    /// What was said.
    pub answer: &'a str,
    /// By the product.
    pub fixed_reply: bool,
    /// What was seen and decided; none where nobody knows.
    pub record: Option<&'a SimulationRecord>,
}

/// Ends a turn. False where it has ended before.
///
/// # Errors
/// Storage.
pub async fn end(tx: &mut Tx, ws: WorkspaceId, id: TurnId, ending: &Ending<'_>) -> Result<bool, Failure> {
    let ended = sql_query(
        "UPDATE simulated_turn SET state = $3, reason = $4, answer = $5, fixed_reply = $6, record = $7, \
         ended_at = clock_timestamp() WHERE workspace_id = $1 AND id = $2 AND state = 'running'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(ending.state.as_str())
    .bind::<Integer, _>(i32::from(ending.reason))
    .bind::<Text, _>(ending.answer)
    .bind::<Bool, _>(ending.fixed_reply)
    .bind::<Nullable<Bytea>, _>(ending.record.map(SimulationRecord::encode_to_vec))
    .kept()
    .execute(tx)
    .await?;
    Ok(ended == 1)
}

/// Notes that what was reserved for a turn is paid or given back, once.
///
/// # Errors
/// Storage.
pub async fn close(tx: &mut Tx, ws: WorkspaceId, row: &TurnRow, cost: i64, allowance: i64) -> Result<(), Failure> {
    let closed = sql_query(
        "UPDATE simulated_turn SET closed = true, cost_micro_pix = $3, allowance_micro_pix = $4 \
         WHERE workspace_id = $1 AND id = $2 AND NOT closed",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(row.id)
    .bind::<BigInt, _>(cost)
    .bind::<BigInt, _>(allowance)
    .kept()
    .execute(tx)
    .await?;
    if closed == 0 {
        return Ok(());
    }
    if let Some(day) = row.allowance_day {
        sql_query(
            "UPDATE simulation_day SET taken_micro_pix = taken_micro_pix - $3 WHERE workspace_id = $1 AND day = $2",
        )
        .bind::<SqlUuid, _>(ws)
        .bind::<Date, _>(day)
        .bind::<BigInt, _>(row.reserved_micro_pix - allowance)
        .kept()
        .execute(tx)
        .await?;
    }
    jobs::finish(tx, &job_key(row.id)).await
}

/// What is taken of today's allowance.
///
/// # Errors
/// Storage.
pub async fn taken_today(tx: &mut Tx, ws: WorkspaceId) -> Result<i64, Failure> {
    #[derive(QueryableByName)]
    struct Taken {
        #[diesel(sql_type = BigInt)]
        taken_micro_pix: i64,
    }
    let taken: Option<Taken> = sql_query(
        "SELECT taken_micro_pix FROM simulation_day WHERE workspace_id = $1 \
         AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date",
    )
    .bind::<SqlUuid, _>(ws)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(taken.map_or(0, |t| t.taken_micro_pix))
}

/// Begins a dialogue anew: its turns stay in the log.
///
/// # Errors
/// Storage.
pub async fn reset(tx: &mut Tx, whose: Whose) -> Result<(), Failure> {
    sql_query(
        "UPDATE simulated_turn SET reset_at = clock_timestamp() WHERE workspace_id = $1 AND assistant_id = $2 \
         AND member_id = $3 AND reset_at IS NULL",
    )
    .bind::<SqlUuid, _>(whose.workspace)
    .bind::<SqlUuid, _>(whose.assistant)
    .bind::<SqlUuid, _>(whose.member)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}
