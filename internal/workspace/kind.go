package workspace

func kindConfig(*Extended, string, Files) error { return nil }
func values(*Extended, string, Files) error     { return nil }
func manifests(*Extended, string, Files) error  { return nil }
