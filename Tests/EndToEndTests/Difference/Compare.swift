/// The canonical comparisons of replies, one per `Comparison`.
import Glibc
import TestSupport

/// Nil when the two replies are equal in the sense of `comparison`, else why not.
///
/// `queued` are the comparisons of the commands a transaction queued; `payloads` collects pairs that only
/// the servers themselves can compare.
func difference(
    _ expected: Reply, _ actual: Reply, _ asked: QueuedCommand, queued: [QueuedCommand] = [],
    payloads: inout [(expected: [UInt8], actual: [UInt8])]
) -> String? {
    let comparison = asked.comparison
    if expected == actual, !comparison.looksInside { return nil }
    if IntendedDifference.all.contains(where: { $0.allows(asked.command, expected, actual) }) { return nil }
    if expected.isError || actual.isError { return expected == actual ? nil : "different errors" }
    if expected == .queued || actual == .queued { return expected == actual ? nil : "queued on one side only" }
    switch comparison {
    case .exact: return "different replies"
    case .unordered: return sameElements(expected, actual)
    case .unorderedAt(let index): return differenceAt(index, expected, actual)
    case .float: return floatDifference(expected, actual)
    case .near(let tolerance): return nearDifference(expected, actual, tolerance)
    case .shape: return sameShape(expected, actual) ? nil : "different shapes"
    case .type: return expected.typeName == actual.typeName ? nil : "different types"
    case .encoding: return encodingDifference(expected, actual)
    case .payload:
        guard case .bulk(let left) = expected, case .bulk(let right) = actual else {
            return expected == actual ? nil : "a payload on one side only"
        }
        payloads.append((left, right))
        return nil
    case .commandNames: return commandNamesDifference(expected, actual)
    case .commandInfo: return commandInfoDifference(expected, actual)
    case .map(let loose): return mapDifference(expected, actual, loose)
    case .transaction:
        guard case .array(let left) = expected, case .array(let right) = actual else {
            return expected == actual ? nil : "only one transaction was executed"
        }
        guard left.count == right.count else { return "transactions of \(left.count) and \(right.count) replies" }
        for index in left.indices {
            let inner = index < queued.count ? queued[index] : QueuedCommand(command: [], comparison: .exact)
            if let reason = difference(left[index], right[index], inner, payloads: &payloads) {
                return "reply \(index) of the transaction: \(reason)"
            }
        }
        return nil
    }
}

extension Comparison {
    /// Equal replies may still need looking at.
    fileprivate var looksInside: Bool {
        switch self {
        case .payload, .transaction: true
        default: false
        }
    }
}

/// Sorts by the printed form: any total order will do.
private func canonicalOrder(_ replies: [Reply]) -> [String] { replies.map(\.description).sorted() }

private func sameElements(_ expected: Reply, _ actual: Reply) -> String? {
    guard expected.typeName == actual.typeName, let left = expected.elements, let right = actual.elements else {
        return "different types"
    }
    return canonicalOrder(left) == canonicalOrder(right) ? nil : "different elements"
}

private func differenceAt(_ index: Int, _ expected: Reply, _ actual: Reply) -> String? {
    guard expected.typeName == actual.typeName, let left = expected.elements, let right = actual.elements,
        left.count == right.count
    else { return "different types" }
    for at in left.indices {
        if at == index {
            if let reason = sameElements(left[at], right[at]) { return reason }
        } else if left[at] != right[at] {
            return "different element \(at)"
        }
    }
    return nil
}

private func floatDifference(_ expected: Reply, _ actual: Reply) -> String? {
    guard expected.typeName == actual.typeName, let left = expected.string, let right = actual.string else {
        return "different types"
    }
    guard let leftNumber = Double(left), let rightNumber = Double(right) else { return "not numbers" }
    let scale = max(abs(leftNumber), abs(rightNumber))
    return abs(leftNumber - rightNumber) <= scale * 1e-12 ? nil : "different numbers"
}

private func nearDifference(_ expected: Reply, _ actual: Reply, _ tolerance: Int64) -> String? {
    guard case .integer(let left) = expected, case .integer(let right) = actual else { return "different types" }
    if left < 0 || right < 0 { return left == right ? nil : "different states" }
    let (distance, overflow) = left.subtractingReportingOverflow(right)
    return !overflow && abs(distance) <= tolerance ? nil : "further apart than \(tolerance)"
}

private func sameShape(_ expected: Reply, _ actual: Reply) -> Bool {
    guard expected.typeName == actual.typeName else { return false }
    guard let left = expected.elements, let right = actual.elements else { return true }
    return left.count == right.count && zip(left, right).allSatisfy { sameShape($0, $1) }
}

private func encodingDifference(_ expected: Reply, _ actual: Reply) -> String? {
    let flexible: Set<String> = ["embstr", "raw"]
    guard expected.typeName == actual.typeName, let left = expected.string, let right = actual.string else {
        return "different types"
    }
    return flexible.contains(left) && flexible.contains(right) ? nil : "different encodings"
}

private func commandNamesDifference(_ expected: Reply, _ actual: Reply) -> String? {
    guard expected.typeName == actual.typeName, let left = expected.elements, let right = actual.elements else {
        return "different types"
    }
    let known = Set(knownCommands.map { $0.name.lowercased() })
    let names = { (replies: [Reply]) in replies.compactMap(\.string).filter { known.contains($0) }.sorted() }
    return names(left) == names(right) ? nil : "different commands of the foundation"
}

private func commandInfoDifference(_ expected: Reply, _ actual: Reply) -> String? {
    guard expected.typeName == actual.typeName, let left = expected.elements, let right = actual.elements,
        left.count == right.count
    else { return "different types" }
    for (leftRow, rightRow) in zip(left, right) {
        guard let leftFields = leftRow.elements, let rightFields = rightRow.elements else {
            if leftRow == rightRow { continue }
            return "a row on one side only"
        }
        guard leftFields.count == rightFields.count, leftFields.count >= 7 else { return "rows of different lengths" }
        for (index, field) in ["name", "arity", "flags", "first key", "last key", "step"].enumerated() {
            let same =
                index == 2
                ? sameElements(leftFields[index], rightFields[index]) == nil : leftFields[index] == rightFields[index]
            if !same { return "different \(field): \(leftFields[index]) and \(rightFields[index])" }
        }
        for index in 6..<leftFields.count where leftFields[index].typeName != rightFields[index].typeName {
            return "field \(index) has different types"
        }
    }
    return nil
}

private func mapDifference(_ expected: Reply, _ actual: Reply, _ loose: [String]) -> String? {
    guard expected.typeName == actual.typeName, let left = expected.elements, let right = actual.elements,
        left.count == right.count
    else { return "different types or lengths" }
    for index in stride(from: 0, to: left.count - 1, by: 2) {
        guard left[index] == right[index] else { return "different field \(left[index]) and \(right[index])" }
        let isLoose = left[index].string.map { loose.contains($0) } ?? false
        let same =
            isLoose ? left[index + 1].typeName == right[index + 1].typeName : left[index + 1] == right[index + 1]
        if !same { return "different \(left[index])" }
    }
    return nil
}
