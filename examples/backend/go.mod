module github.com/buenhyden/hy-home/examples/backend

go 1.26.0
