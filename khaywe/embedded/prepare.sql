-- What every later step counts on: the database, and a login for BI tools over TCP.
-- Fed to psql at every start. Migrations grant the login its rights; here it gets none.

-- A failing statement is quoted in the server's log, and the last one holds the password.
SET log_min_error_statement = 'panic';

SELECT 'CREATE DATABASE khaywe'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'khaywe')
\gexec

SELECT 'CREATE ROLE khaywe_bi'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'khaywe_bi')
\gexec

-- Set at every start: the folder may have been restored from a backup with another password.
ALTER ROLE khaywe_bi LOGIN PASSWORD :'password';
