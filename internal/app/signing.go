package app

import (
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/signature"
	"github.com/buenhyden/hy-home/internal/spec"
)

// signing is who signs what is pushed; nil is nobody.
func signing(rt *Runtime, in spec.Values) (*signature.Options, error) {
	key := in.String("sign-key")
	switch in.String("sign") {
	case "key":
		if key == "" {
			return nil, exit.BadInputf("input sign is key and input sign-key is empty: give the private key from a secret")
		}
		return &signature.Options{Key: key, Password: in.String("sign-password"), Log: in.Bool("sign-log")}, nil
	case "keyless":
		if key != "" {
			return nil, exit.BadInputf("input sign is keyless and there is a sign-key: take sign: key to use it")
		}
		return &signature.Options{Token: signature.Token{
			URL: rt.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), Bearer: rt.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
		}}, nil
	}
	if key != "" {
		return nil, exit.BadInputf("there is a sign-key and input sign is none: take sign: key to use it")
	}
	return nil, nil
}
