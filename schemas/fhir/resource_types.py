"""Which FHIR R4 resource types the hub reads and writes: one table, from which the schemas are made and by which entries are checked."""

from __future__ import annotations

_NAMES = """
    Appointment Basic Binary Bundle CapabilityStatement CarePlan CareTeam Communication CommunicationRequest Composition Condition Consent
    Coverage Device DocumentReference Encounter Endpoint EpisodeOfCare Flag Goal Group HealthcareService List Location MessageHeader
    Observation OperationOutcome Organization Parameters Patient Person Practitioner PractitionerRole Procedure Provenance Questionnaire
    QuestionnaireResponse RelatedPerson Schedule ServiceRequest Slot Task
"""
RESOURCE_TYPES = frozenset(_NAMES.split())
