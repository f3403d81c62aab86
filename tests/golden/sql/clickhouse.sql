-- the guide's segment --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
    CAST(0 AS Nullable(Decimal(38, 9)))
  ) > CAST(1000 AS Nullable(Decimal(38, 9)))
  AND COALESCE("t0"."last_purchase_days_ago", 99999) < 30

-- truth of a number, a text, a boolean, a list, a date --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."purchase_count", 0) <> 0
  AND COALESCE("t0"."country" <> '', FALSE)
  AND COALESCE("t0"."accepts_marketing", FALSE)
  AND COALESCE(length("t0"."tags") > 0, FALSE)
  AND isNotNull("t0"."member_since")

-- not true of what may be absent --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  NOT (
    COALESCE("t0"."average_basket" <> 0, FALSE)
  )
  OR NOT (
    COALESCE("t0"."country" <> '', FALSE)
  )
  OR NOT (
    COALESCE("t0"."accepts_marketing", FALSE)
  )
  OR NOT (
    COALESCE(length("t0"."tags") > 0, FALSE)
  )
  OR NOT (
    isNotNull("t0"."member_since")
  )

-- a number and its default --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CAST("t0"."average_basket" AS Nullable(Decimal(38, 9))),
    toDecimal128(99.500000000, 9)
  ) < CAST(30 AS Nullable(Decimal(38, 9)))

-- between numbers --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  CAST(10 AS Nullable(Decimal(38, 9))) <= COALESCE(
    CAST("t0"."average_basket" AS Nullable(Decimal(38, 9))),
    CAST(0 AS Nullable(Decimal(38, 9)))
  )
  AND COALESCE(
    CAST("t0"."average_basket" AS Nullable(Decimal(38, 9))),
    CAST(0 AS Nullable(Decimal(38, 9)))
  ) <= CAST(100 AS Nullable(Decimal(38, 9)))

-- between dates --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(toDate('2024-01-01') < "t0"."member_since", FALSE)
  AND COALESCE("t0"."member_since" < toDate('2024-12-31'), FALSE)

-- order of dates --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."member_since" >= toDate('2024-02-29'), FALSE)

-- equal to a literal --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."country" = 'CH', FALSE)
  OR NOT (
    COALESCE("t0"."purchase_count", 0) = 14
  )
  OR COALESCE("t0"."average_basket" = toDecimal128(0.500000000, 9), FALSE)

-- equal to null --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  isNull("t0"."country") AND NOT (
    isNull("t0"."member_since")
  ) AND FALSE

-- equal to another column --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    "t0"."average_basket" = (
      COALESCE(
        CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
        CAST(0 AS Nullable(Decimal(38, 9)))
      ) * toDecimal128(0.250000000, 9)
    ),
    FALSE
  )
  OR NOT (
    COALESCE(
      "t0"."accepts_marketing" = (
        NOT (
          COALESCE("t0"."accepts_marketing", FALSE)
        )
      ),
      FALSE
    )
  )

-- and, or return an operand --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CASE
      WHEN COALESCE("t0"."average_basket" <> 0, FALSE) AND TRUE
      THEN CASE
        WHEN COALESCE("t0"."average_basket" <> 0, FALSE)
        THEN CAST(5 AS Nullable(Decimal(38, 9)))
        ELSE CAST("t0"."average_basket" AS Nullable(Decimal(38, 9)))
      END
      ELSE COALESCE(
        CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
        CAST(0 AS Nullable(Decimal(38, 9)))
      )
    END = CAST(7 AS Nullable(Decimal(38, 9))),
    FALSE
  )

-- if without else, and its other name --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CASE
      WHEN COALESCE("t0"."purchase_count", 0) > 3
      THEN 'often'
      ELSE CASE
        WHEN COALESCE("t0"."purchase_count", 0) <> 0
        THEN 'once'
        ELSE CAST(NULL AS Nullable(String))
      END
    END = 'often',
    FALSE
  )

-- one type for all branches --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  CASE
    WHEN COALESCE("t0"."accepts_marketing", FALSE)
    THEN CAST(2 AS Nullable(Decimal(38, 18)))
    WHEN COALESCE("t0"."last_purchase_days_ago", 99999) <> 0
    THEN CAST(COALESCE(
      CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
      CAST(0 AS Nullable(Decimal(38, 9)))
    ) AS Nullable(Decimal(38, 18)))
    ELSE COALESCE(
      CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
      CAST(0 AS Nullable(Decimal(38, 9)))
    ) * toDecimal128(0.100000000, 9)
  END > CAST(1 AS Nullable(Decimal(38, 9)))

-- plus, minus --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      (
        COALESCE(
          CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
          CAST(0 AS Nullable(Decimal(38, 9)))
        ) + COALESCE(
          CAST("t0"."average_basket" AS Nullable(Decimal(38, 9))),
          CAST(0 AS Nullable(Decimal(38, 9)))
        )
      ) + CAST(1 AS Nullable(Decimal(38, 9)))
    ) - (
      -(
        COALESCE(
          CAST("t0"."average_basket" AS Nullable(Decimal(38, 9))),
          CAST(0 AS Nullable(Decimal(38, 9)))
        )
      )
    )
  ) > CAST(100 AS Nullable(Decimal(38, 9)))

-- whole numbers --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  (
    CAST(CAST(COALESCE("t0"."purchase_count", 0) AS Nullable(Int64)) * 2 AS Nullable(Int64)) - (
      CAST(COALESCE("t0"."purchase_count", 0) AS Nullable(Int64)) % 5
    )
  ) > 3

-- products --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  (
    CAST(COALESCE(
      CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
      CAST(0 AS Nullable(Decimal(38, 9)))
    ) * toDecimal128(0.150000000, 9) AS Nullable(Decimal(38, 9))) * CAST(3 AS Nullable(Decimal(38, 9)))
  ) > toDecimal128(100.250000000, 9)

-- division, exact and not --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      COALESCE(
        CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
        CAST(0 AS Nullable(Decimal(38, 9)))
      ) * toDecimal128(0.010000000, 9)
    ) > CAST(5 AS Nullable(Decimal(38, 9)))
  )
  OR (
    CAST(CAST(COALESCE(
      CAST("t0"."total_revenue" AS Nullable(Decimal(38, 9))),
      CAST(0 AS Nullable(Decimal(38, 9)))
    ) AS Nullable(Float64)) / 3.0 AS Nullable(Decimal(38, 9))) > CAST(5 AS Nullable(Decimal(38, 9)))
  )

-- min, max --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  CAST(LEAST(COALESCE("t0"."last_purchase_days_ago", 99999), 365) AS Nullable(Decimal(38, 9))) < GREATEST(
    CAST(CAST(COALESCE("t0"."last_purchase_days_ago", 99999) AS Nullable(Int64)) % 7 AS Nullable(Decimal(38, 9))),
    toDecimal128(2.500000000, 9)
  )

-- in a list --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."country" IN ('CH', 'LI'), FALSE)
  AND COALESCE("t0"."purchase_count", 0) IN (1, 3)
  AND COALESCE(
    "t0"."average_basket" IN (toDecimal128(1.000000000, 9), toDecimal128(2.500000000, 9)),
    FALSE
  )

-- in a list with null --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  NOT (
    COALESCE("t0"."country" IN ('CH'), FALSE) OR isNull("t0"."country")
  )

-- in an empty list --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  FALSE OR COALESCE(has("t0"."tags", 'vip'), FALSE)

-- in a column of lists --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(has("t0"."tags", 'it''s \\ "vip"'), FALSE)
  OR (
    COALESCE(has("t0"."tags", "t0"."country"), FALSE) AND isNotNull("t0"."country")
  )

-- in a text --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE((
    position("t0"."country", 'ü%_') > 0
  ) AND (
    "t0"."country" <> ''
  ), FALSE)

-- starts, ends with --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(startsWith("t0"."country", 'C'), FALSE)
  AND COALESCE(endsWith("t0"."country", "t0"."country"), FALSE)

-- joined texts --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  CONCAT(CONCAT(COALESCE("t0"."country", ''), '-'), 'it''s') = 'CH-it''s'

-- part of a text --
-- not_in_sql at /or/0/==/0/substr: clickhouse would count bytes instead of characters
-- not_in_sql at /or/1/==/0/substr: clickhouse would count bytes instead of characters

-- all but the end of a text --
-- not_in_sql at /==/0/substr: clickhouse would count bytes instead of characters

-- missing --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  NOT (
    isNull("t0"."country")
    OR COALESCE("t0"."country" = '', FALSE)
    OR NOT (
      COALESCE(length("t0"."tags") > 0, FALSE)
    )
    OR isNull("t0"."average_basket")
  )

-- missing some --
SELECT
  "t0"."customer_id" AS "customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      CASE
        WHEN isNull("t0"."country") OR COALESCE("t0"."country" = '', FALSE)
        THEN 0
        ELSE 1
      END + CASE WHEN NOT (
        COALESCE(length("t0"."tags") > 0, FALSE)
      ) THEN 0 ELSE 1 END
    ) + CASE WHEN isNull("t0"."total_revenue") THEN 0 ELSE 1 END
  ) < 2

-- several rules in one scan --
SELECT
  "t0"."id" AS "id",
  (
    COALESCE(
      CAST("t0"."Revenue in all" AS Nullable(Decimal(38, 9))),
      CAST(0 AS Nullable(Decimal(38, 9)))
    ) > CAST(1000 AS Nullable(Decimal(38, 9)))
  )
  AND (
    COALESCE("t0"."last_purchase_days_ago", 99999) < 30
  ) AS "r1",
  COALESCE(
    CAST("t0"."Revenue in all" AS Nullable(Decimal(38, 9))),
    CAST(0 AS Nullable(Decimal(38, 9)))
  ) * toDecimal128(0.100000000, 9) AS "r2"
FROM "shop"."Customers" AS "t0"

-- how many of each --
SELECT
  countIf(
    (
      COALESCE(
        CAST("t0"."Revenue in all" AS Nullable(Decimal(38, 9))),
        CAST(0 AS Nullable(Decimal(38, 9)))
      ) > CAST(1000 AS Nullable(Decimal(38, 9)))
    )
    AND (
      COALESCE("t0"."last_purchase_days_ago", 99999) < 30
    )
  ) AS "r1",
  countIf(
    (
      COALESCE(
        CAST("t0"."Revenue in all" AS Nullable(Decimal(38, 9))),
        CAST(0 AS Nullable(Decimal(38, 9)))
      ) > CAST(1000 AS Nullable(Decimal(38, 9)))
    )
    AND (
      COALESCE("t0"."last_purchase_days_ago", 99999) < 30
    )
  ) AS "r2"
FROM "shop"."Customers" AS "t0"

-- who comes and goes --
SELECT
  "t5"."customer_id" AS "customer_id",
  "t5"."entered" AS "entered"
FROM (
  SELECT
    "t4"."customer_id" AS "customer_id",
    MIN("t4"."is_now") > 0 AS "entered",
    COUNT(*) AS "found"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t0"."id" AS "customer_id",
        1 AS "is_now"
      FROM "shop"."Customers" AS "t0"
      WHERE
        COALESCE(
          CAST("t0"."Revenue in all" AS Nullable(Decimal(38, 9))),
          CAST(0 AS Nullable(Decimal(38, 9)))
        ) > CAST(1000 AS Nullable(Decimal(38, 9)))
        AND COALESCE("t0"."last_purchase_days_ago", 99999) < 30
    ) AS "t3"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t1"."customer_id" AS "customer_id",
        0 AS "is_now"
      FROM "segment_members" AS "t1"
      WHERE
        "t1"."segment_id" = 'it''s'
    ) AS "t2"
  ) AS "t4"
  GROUP BY
    "t4"."customer_id"
) AS "t5"
WHERE
  "t5"."found" = 1

-- coming and going --
DELETE FROM "segment_members" WHERE "segment_id" = 'it''s' AND "customer_id" IN (SELECT "customer_id" FROM "changes" WHERE NOT "entered");
INSERT INTO "segment_members" ("customer_id", "segment_id") SELECT "customer_id", 'it''s' FROM "changes" WHERE "entered"
