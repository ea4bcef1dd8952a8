#!/usr/bin/env bash
# Makes the three roles of docs/how-to/use-a-real-postgresql.md when the database is made.
# The passwords travel on standard input: arguments can be read by every user of the machine.
set -euo pipefail

for role in owner app audit; do
  password=$(<"/run/secrets/${role}_password")
  if [[ ! $password =~ ^[A-Za-z0-9_-]+$ ]]; then
    echo "${role}_password: letters, digits, - and _ only" >&2
    exit 1
  fi
  echo "CREATE ROLE ekpay_${role} LOGIN PASSWORD '${password}';"
done | psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB"

psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<SQL
ALTER DATABASE "${POSTGRES_DB}" OWNER TO ekpay_owner;
ALTER SCHEMA public OWNER TO ekpay_owner;
SQL
