"""One HTML page of sampled responses: `python -m egpo_verl.inspect ROLLOUTS`.

`files` finds and samples the responses that `formats` reads, `call_diff` sets a response's calls
beside those expected, `thoughts` takes it apart for `patterns`, `episode` joins the messages of a
live rollout and `state_diff` sets its world beside the reference's, and `page` makes the page of
`page.html`, `page.css`, `detail.js`, `episode.js` and `list.js`.
"""
