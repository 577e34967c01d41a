package warm

// Windows has no mode bits: access lists of the parent directory decide.
const enforceModes = false
