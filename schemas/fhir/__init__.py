"""What is said, in FHIR R4: build, read and check; the only importer of fhir.resources (and that only to generate and to test)."""
