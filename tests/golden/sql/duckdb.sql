-- the guide's segment --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) > CAST(1000 AS DECIMAL(38, 9))
  AND COALESCE("t0"."last_purchase_days_ago", 99999) < 30

-- truth of a number, a text, a boolean, a list, a date --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."purchase_count", 0) <> 0
  AND COALESCE("t0"."country" <> '', FALSE)
  AND COALESCE("t0"."accepts_marketing", FALSE)
  AND COALESCE(ARRAY_LENGTH("t0"."tags") > 0, FALSE)
  AND "t0"."member_since" IS NOT NULL

-- not true of what may be absent --
SELECT
  "t0"."customer_id"
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
    COALESCE(ARRAY_LENGTH("t0"."tags") > 0, FALSE)
  )
  OR NOT (
    "t0"."member_since" IS NOT NULL
  )

-- a number and its default --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CAST("t0"."average_basket" AS DECIMAL(38, 9)),
    CAST(99.500000000 AS DECIMAL(38, 9))
  ) < CAST(30 AS DECIMAL(38, 9))

-- between numbers --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  CAST(10 AS DECIMAL(38, 9)) <= COALESCE(CAST("t0"."average_basket" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9)))
  AND COALESCE(CAST("t0"."average_basket" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) <= CAST(100 AS DECIMAL(38, 9))

-- between dates --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(MAKE_DATE(2024, 1, 1) < "t0"."member_since", FALSE)
  AND COALESCE("t0"."member_since" < MAKE_DATE(2024, 12, 31), FALSE)

-- order of dates --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."member_since" >= MAKE_DATE(2024, 2, 29), FALSE)

-- equal to a literal --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."country" = 'CH', FALSE)
  OR NOT (
    COALESCE("t0"."purchase_count", 0) = 14
  )
  OR COALESCE("t0"."average_basket" = CAST(0.500000000 AS DECIMAL(38, 9)), FALSE)

-- equal to null --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  "t0"."country" IS NULL AND NOT (
    "t0"."member_since" IS NULL
  ) AND FALSE

-- equal to another column --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    "t0"."average_basket" = (
      COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) * CAST(0.250000000 AS DECIMAL(38, 9))
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
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CASE
      WHEN COALESCE("t0"."average_basket" <> 0, FALSE) AND TRUE
      THEN CASE
        WHEN COALESCE("t0"."average_basket" <> 0, FALSE)
        THEN CAST(5 AS DECIMAL(38, 9))
        ELSE CAST("t0"."average_basket" AS DECIMAL(38, 9))
      END
      ELSE COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9)))
    END = CAST(7 AS DECIMAL(38, 9)),
    FALSE
  )

-- if without else, and its other name --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    CASE
      WHEN COALESCE("t0"."purchase_count", 0) > 3
      THEN 'often'
      ELSE CASE
        WHEN COALESCE("t0"."purchase_count", 0) <> 0
        THEN 'once'
        ELSE CAST(NULL AS TEXT)
      END
    END = 'often',
    FALSE
  )

-- one type for all branches --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  CASE
    WHEN COALESCE("t0"."accepts_marketing", FALSE)
    THEN CAST(2 AS DECIMAL(38, 18))
    WHEN COALESCE("t0"."last_purchase_days_ago", 99999) <> 0
    THEN CAST(COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) AS DECIMAL(38, 18))
    ELSE COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) * CAST(0.100000000 AS DECIMAL(38, 9))
  END > CAST(1 AS DECIMAL(38, 9))

-- plus, minus --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      (
        COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) + COALESCE(CAST("t0"."average_basket" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9)))
      ) + CAST(1 AS DECIMAL(38, 9))
    ) - (
      -(
        COALESCE(CAST("t0"."average_basket" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9)))
      )
    )
  ) > CAST(100 AS DECIMAL(38, 9))

-- whole numbers --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  (
    CAST(CAST(COALESCE("t0"."purchase_count", 0) AS BIGINT) * 2 AS BIGINT) - (
      CAST(COALESCE("t0"."purchase_count", 0) AS BIGINT) % 5
    )
  ) > 3

-- products --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  (
    CAST(COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) * CAST(0.150000000 AS DECIMAL(38, 9)) AS DECIMAL(38, 9)) * CAST(3 AS DECIMAL(38, 9))
  ) > CAST(100.250000000 AS DECIMAL(38, 9))

-- division, exact and not --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) * CAST(0.010000000 AS DECIMAL(38, 9))
    ) > CAST(5 AS DECIMAL(38, 9))
  )
  OR (
    CAST(CAST(COALESCE(CAST("t0"."total_revenue" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) AS DOUBLE) / 3.0 AS DECIMAL(38, 9)) > CAST(5 AS DECIMAL(38, 9))
  )

-- min, max --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  CAST(LEAST(COALESCE("t0"."last_purchase_days_ago", 99999), 365) AS DECIMAL(38, 9)) < GREATEST(
    CAST(CAST(COALESCE("t0"."last_purchase_days_ago", 99999) AS BIGINT) % 7 AS DECIMAL(38, 9)),
    CAST(2.500000000 AS DECIMAL(38, 9))
  )

-- in a list --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE("t0"."country" IN ('CH', 'LI'), FALSE)
  AND COALESCE("t0"."purchase_count", 0) IN (1, 3)
  AND COALESCE(
    "t0"."average_basket" IN (CAST(1.000000000 AS DECIMAL(38, 9)), CAST(2.500000000 AS DECIMAL(38, 9))),
    FALSE
  )

-- in a list with null --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  NOT (
    COALESCE("t0"."country" IN ('CH'), FALSE) OR (
      "t0"."country" IS NULL
    )
  )

-- in an empty list --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  FALSE OR COALESCE(ARRAY_CONTAINS("t0"."tags", 'vip'), FALSE)

-- in a column of lists --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(ARRAY_CONTAINS("t0"."tags", 'it''s \ "vip"'), FALSE)
  OR (
    COALESCE(ARRAY_CONTAINS("t0"."tags", "t0"."country"), FALSE)
    AND (
      "t0"."country" IS NOT NULL
    )
  )

-- in a text --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(CONTAINS("t0"."country", 'ü%_') AND (
    "t0"."country" <> ''
  ), FALSE)

-- starts, ends with --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(STARTS_WITH("t0"."country", 'C'), FALSE)
  AND COALESCE(SUFFIX("t0"."country", "t0"."country"), FALSE)

-- joined texts --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      COALESCE("t0"."country", '') || '-'
    ) || 'it''s'
  ) = 'CH-it''s'

-- part of a text --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    SUBSTRING(
      "t0"."country",
      CASE WHEN (
        1 + 1
      ) >= 1 THEN 1 + 1 ELSE (
        1 + 1
      ) + LENGTH("t0"."country") END,
      1
    ) = 'H',
    FALSE
  )
  OR COALESCE(
    CASE
      WHEN LENGTH("t0"."country") <= 1
      THEN "t0"."country"
      ELSE RIGHT("t0"."country", 1)
    END = 'H',
    FALSE
  )

-- all but the end of a text --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  COALESCE(
    SUBSTRING(
      CASE
        WHEN LENGTH("t0"."country") <= 2
        THEN "t0"."country"
        ELSE RIGHT("t0"."country", 2)
      END,
      CASE
        WHEN (
          0 + 1
        ) >= 1
        THEN 0 + 1
        ELSE (
          0 + 1
        ) + LENGTH(
          CASE
            WHEN LENGTH("t0"."country") <= 2
            THEN "t0"."country"
            ELSE RIGHT("t0"."country", 2)
          END
        )
      END,
      GREATEST(
        LENGTH(
          CASE
            WHEN LENGTH("t0"."country") <= 2
            THEN "t0"."country"
            ELSE RIGHT("t0"."country", 2)
          END
        ) + (
          -1
        ),
        0
      )
    ) = 'C',
    FALSE
  )

-- missing --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  NOT (
    (
      "t0"."country" IS NULL
    )
    OR COALESCE("t0"."country" = '', FALSE)
    OR NOT (
      COALESCE(ARRAY_LENGTH("t0"."tags") > 0, FALSE)
    )
    OR (
      "t0"."average_basket" IS NULL
    )
  )

-- missing some --
SELECT
  "t0"."customer_id"
FROM "customers" AS "t0"
WHERE
  (
    (
      CASE
        WHEN (
          "t0"."country" IS NULL
        ) OR COALESCE("t0"."country" = '', FALSE)
        THEN 0
        ELSE 1
      END + CASE WHEN NOT (
        COALESCE(ARRAY_LENGTH("t0"."tags") > 0, FALSE)
      ) THEN 0 ELSE 1 END
    ) + CASE WHEN "t0"."total_revenue" IS NULL THEN 0 ELSE 1 END
  ) < 2

-- several rules in one scan --
SELECT
  "t0"."id",
  (
    COALESCE(CAST("t0"."Revenue in all" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) > CAST(1000 AS DECIMAL(38, 9))
  )
  AND (
    COALESCE("t0"."last_purchase_days_ago", 99999) < 30
  ) AS "r1",
  COALESCE(CAST("t0"."Revenue in all" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) * CAST(0.100000000 AS DECIMAL(38, 9)) AS "r2"
FROM "shop"."Customers" AS "t0"

-- how many of each --
SELECT
  COUNT(*) FILTER(WHERE
    (
      COALESCE(CAST("t0"."Revenue in all" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) > CAST(1000 AS DECIMAL(38, 9))
    )
    AND (
      COALESCE("t0"."last_purchase_days_ago", 99999) < 30
    )) AS "r1",
  COUNT(*) FILTER(WHERE
    (
      COALESCE(CAST("t0"."Revenue in all" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) > CAST(1000 AS DECIMAL(38, 9))
    )
    AND (
      COALESCE("t0"."last_purchase_days_ago", 99999) < 30
    )) AS "r2"
FROM "shop"."Customers" AS "t0"

-- who comes and goes --
SELECT
  "t5"."customer_id",
  "t5"."entered"
FROM (
  SELECT
    "t4"."customer_id",
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
        COALESCE(CAST("t0"."Revenue in all" AS DECIMAL(38, 9)), CAST(0 AS DECIMAL(38, 9))) > CAST(1000 AS DECIMAL(38, 9))
        AND COALESCE("t0"."last_purchase_days_ago", 99999) < 30
    ) AS "t3"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t1"."customer_id",
        0 AS "is_now"
      FROM "segment_members" AS "t1"
      WHERE
        "t1"."segment_id" = 'it''s'
    ) AS "t2"
  ) AS "t4"
  GROUP BY
    1
) AS "t5"
WHERE
  "t5"."found" = 1

-- coming and going --
DELETE FROM "segment_members" WHERE "segment_id" = 'it''s' AND "customer_id" IN (SELECT "customer_id" FROM "changes" WHERE NOT "entered");
INSERT INTO "segment_members" ("customer_id", "segment_id") SELECT "customer_id", 'it''s' FROM "changes" WHERE "entered"
