with

judged as (
    select day, conversation_id, message_index
    from {{ ref('int_outcomes') }}
    where {{ days_in_range() }} and state = 'judged'
),

sample as (
    select
        day,
        conversation_id,
        message_index,
        deployment_family,
        deployment,
        segment,
        stratum,
        user_key,
        1 / inclusion_probability as d
    from {{ ref('stg_judging_sample') }}
    where {{ days_in_range() }} and purpose = 'estimate' and status = 'selected'
),

versions as (
    select
        day,
        conversation_id,
        [turn.role || ': ' || turn.content for turn in turns] as said
    from {{ ref('stg_conversations') }}
    where {{ days_in_range(following=7) }} and eligible
),

-- A conversation that went on within a week counts once, on its last day. The same identifier
-- alone says nothing: exports number their conversations anew each day.
superseded as (
    select distinct earlier.day, earlier.conversation_id
    from versions as earlier
    inner join versions as later
        on earlier.conversation_id = later.conversation_id
        and later.day between earlier.day + 1 and earlier.day + 7
        and later.said[1:len(earlier.said)] = earlier.said
),

answers as (
    select
        day,
        conversation_id,
        message_index,
        question as behaviour,
        kind,
        rubric_version,
        string_agg(distinct fingerprint, ' + ' order by fingerprint) as panel,
        avg(coalesce(applicable_probability, applicable::double)) as o,
        -- An opportunity that is improbable is not impossible: its probability counts all the same.
        avg(
            coalesce(applicable_probability, applicable::double)
            * coalesce(probability, (applicable and positive)::double)
        ) as y
    from {{ ref('stg_verdicts') }}
    where {{ days_in_range() }} and kind in ('behaviour', 'guard', 'derived', 'opportunity')
    group by day, conversation_id, message_index, question, kind, rubric_version
    -- A question that one judge declined is a gap for the panel, not another panel's answer.
    having bool_and(applicable is not null)
)

select
    day,
    conversation_id,
    message_index,
    sample.deployment_family,
    sample.deployment,
    sample.segment,
    sample.stratum,
    sample.user_key,
    answers.behaviour,
    answers.kind,
    answers.rubric_version,
    answers.panel,
    answers.o,
    answers.y,
    sample.d
from answers
inner join judged using (day, conversation_id, message_index)
inner join sample using (day, conversation_id, message_index)
anti join superseded using (day, conversation_id)
