#!/bin/sh
# Makes the database in /data/pg once, then serves it; the password is in the file $PASSWORD_FILE.
set -eu
if [ ! -s /data/pg/PG_VERSION ]; then
    rm -rf /data/pg.new
    initdb -D /data/pg.new -U reflex -E UTF8 --locale=C.UTF-8 --no-instructions \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile="$PASSWORD_FILE"
    echo 'host all all all scram-sha-256' >> /data/pg.new/pg_hba.conf
    mv /data/pg.new /data/pg
fi
exec postgres -D /data/pg -k /tmp -h '*' -c log_statement=none
