import Foundation

/// Writes one line to standard error, which is the process's log file.
func log(_ message: String, _ metadata: KeyValuePairs<String, String> = [:]) {
    let details = metadata.map { " \($0.key)=\($0.value)" }.joined()
    writeLog("\(message)\(details)\n")
}

/// Writes text to the log as it is. A log that cannot be written is no reason to end.
func writeLog(_ text: String) {
    FileHandle.standardError.writeQuietly(text)
}

extension FileHandle {
    fileprivate func writeQuietly(_ text: String) {
        try? write(contentsOf: Data(text.utf8))
    }
}
