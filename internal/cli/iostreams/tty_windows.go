package iostreams

const ttyPath = "CONIN$"
