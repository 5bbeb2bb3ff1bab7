module reflexstack.dev/lab/tools/node

go 1.26.0
