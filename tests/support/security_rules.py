"""Security rules that earlier releases of the template made."""

__all__ = ["RULES_OF_RELEASE_0_1_0"]

RULES_OF_RELEASE_0_1_0 = """rules_version = '2';

// A device sees and writes what lies below its own id, and nothing else exists for it.
service cloud.firestore {
  match /databases/{database}/documents {
    match /devices/{deviceId} {
      allow read, write: if request.auth != null && request.auth.uid == deviceId;

      match /{document=**} {
        allow read, write: if request.auth != null && request.auth.uid == deviceId;
      }
    }
  }
}
"""
